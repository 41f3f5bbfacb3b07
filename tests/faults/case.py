"""One case: a command of the CLI during which one request goes wrong, then the command again, then a look."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tests.emulator.fix_emulator import Emulator, running_emulator
from tests.faults.proxy import KILLS, Fault, FaultProxy, Mode, running_proxy
from tests.faults.things import Difference, difference, found, wanted
from tests.fleet.project import OTHER_IMAGE, Project, Spec, fleet, service

SECRET_VALUE = "a-value-that-no-state-shows"
RUNS = 3
"""How often the command may run in one case: once into the fault, and twice again."""
TRIES = 3
"""How often a case is tried whose fault hits nothing."""
SOMETIMES = 3
"""So many of an operation's last requests depend on when the others came, at most."""
_SECONDS = 150.0
_SERVICE = service("web", variables=2, volume="/data", domain=True, proxy=5432)
_VARIABLES = {**_SERVICE["variables"], "SECRET_KEY": SECRET_VALUE}
FIRST: Spec = {**fleet([{**_SERVICE, "variables": _VARIABLES}]), "shared": {"REGION": "west"}}
SECOND: Spec = {
    **fleet([{**_SERVICE, "image": OTHER_IMAGE, "variables": {**_VARIABLES, "V0": "changed"}}]),
    "shared": {"REGION": "east"},
}


class Operation(StrEnum):
    """What a case does to a stack."""

    CREATE = "create"
    UPDATE = "update"
    DESTROY = "destroy"


SPECS: dict[Operation, Spec | None] = {Operation.CREATE: FIRST, Operation.UPDATE: SECOND, Operation.DESTROY: None}
DEPLOYMENTS = {Operation.CREATE: 1, Operation.UPDATE: 1, Operation.DESTROY: 0}
"""One for each service that is new or changed."""


@dataclass(frozen=True)
class Case:
    """An operation and what goes wrong during it; None if nothing does."""

    operation: Operation
    fault: Fault | None = None

    def __str__(self) -> str:
        return str(self.operation) + (f" {self.fault.mode} {self.fault.position}" if self.fault else "")


@dataclass(frozen=True)
class Outcome:
    """How a case ended.

    Attributes:
        hit: the GraphQL operation that the fault hit; empty if it hit none, because the last positions of an
            operation exist only sometimes: a read that is shared or a few seconds old is not sent again.
        requests: how many were sent in all runs together.
        codes: exit codes of the runs.
        left: how what there is differs from what is wanted.
        deployments: how many were made.
        problems: one line each.
    """

    case: Case
    hit: str
    requests: int
    codes: list[int]
    left: Difference
    deployments: int
    seconds: float
    problems: list[str] = field(default_factory=list)

    @property
    def absent(self) -> bool:
        """Whether the operation ended before the fault's position, in each of its tries."""
        return self.case.fault is not None and not self.hit

    @property
    def extra(self) -> int:
        """Deployments above what the change is worth."""
        return max(0, self.deployments - DEPLOYMENTS[self.case.operation])

    @property
    def converged(self) -> bool:
        return not self.problems


@dataclass(frozen=True)
class Starts:
    """Where cases start from: copies of folders with a stack's state and what the emulator had at that time.

    Attributes:
        empty: a stack without resources.
        full: the stack of `FIRST`.
        created: the outcome of the run that made `full`.
    """

    empty: Path
    full: Path
    created: Outcome


@contextmanager
def prepared(folder: Path) -> Iterator[Starts]:
    """Make both starts below `folder`."""
    empty, full = folder / "empty", folder / "full"
    Project(empty / "project", "http://127.0.0.1:1", "none").init()
    yield Starts(empty, full, _run(Case(Operation.CREATE), empty, full))


def run_case(starts: Starts, case: Case) -> Outcome:
    """Run one case in a copy of its start; one that could not be run is an outcome too."""
    for _ in range(TRIES):
        outcome = _tried(starts, case)
        if not outcome.absent or outcome.problems:
            break
    return outcome


def _tried(starts: Starts, case: Case) -> Outcome:
    start = starts.empty if case.operation is Operation.CREATE else starts.full
    with tempfile.TemporaryDirectory(prefix="fault-") as folder:
        try:
            return _run(case, start, Path(folder) / "case")
        except (AssertionError, OSError) as error:
            problem = f"{type(error).__name__}: {' '.join(str(error).split())[:600]}".replace(SECRET_VALUE, "…")
            return Outcome(case, "", 0, [], Difference([], [], []), 0, 0.0, [problem])


def _run(case: Case, start: Path, folder: Path) -> Outcome:
    began = time.monotonic()
    shutil.copytree(start, folder)
    with (
        running_emulator(folder, deploy_step_seconds=0) as emulator,
        running_proxy(emulator.endpoint, case.fault) as proxy,
    ):
        project = Project(folder / "project", proxy.url, emulator.token)
        project.describe(SPECS[case.operation] or FIRST)
        codes, said = _commands("destroy" if case.operation is Operation.DESTROY else "up", project, proxy)
        outcome = _outcome(case, emulator, project, proxy, codes, said, time.monotonic() - began)
        if case.operation is Operation.CREATE and case.fault and not outcome.problems:
            outcome.problems.extend(_left_by_destroy(emulator, project, proxy))
        return outcome


def _left_by_destroy(emulator: Emulator, project: Project, proxy: FaultProxy) -> list[str]:
    """Destroy what an interrupted creation made: a stack must still know that all of it is its own."""
    codes, _ = _commands("destroy", project, proxy)
    return [f"left by destroy (exit codes {codes}): {subject}" for subject in found(emulator)]


def _commands(command: str, project: Project, proxy: FaultProxy) -> tuple[list[int], str]:
    """Run the command until it succeeds; returns the exit codes and what the last one printed."""
    codes: list[int] = []
    while True:
        process, printed = project.start(command, "--stack", project.stack, "--yes", "--skip-preview")
        proxy.kill = lambda running=process: end_session(running)  # type: ignore[misc]
        try:
            codes.append(process.wait(_SECONDS))
        except subprocess.TimeoutExpired:
            end_session(process)
            codes.append(process.wait())
        if codes[-1] == 0 or len(codes) == RUNS:
            return codes, printed.read_text()
        if codes[-1] < 0:
            # A killed CLI leaves the file backend's lock behind.
            project.run("cancel", "--stack", project.stack, "--yes")


def end_session(process: subprocess.Popen[bytes]) -> None:
    """Kill a command and all that it started.

    Pulumi puts its plugins into process groups of their own (sdk/go/common/util/cmdutil), so that killing its group
    leaves the providers alive; a session they cannot leave that way.
    """
    listed = subprocess.run(["ps", "-A", "-o", "pid="], capture_output=True, text=True, check=True)
    for pid in (int(line) for line in listed.stdout.split()):
        try:
            if os.getsid(pid) == process.pid:
                os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def _outcome(
    case: Case, emulator: Emulator, project: Project, proxy: FaultProxy, codes: list[int], said: str, seconds: float
) -> Outcome:
    left = difference(found(emulator), wanted(SPECS[case.operation]))
    made = sum(len(call["deployments"]) for call in emulator.calls())
    problems = [f"missing {subject}" for subject in left.missing]
    problems += [f"twice {subject}" for subject in left.duplicates]
    problems += [f"orphan {subject}" for subject in left.orphans]
    if codes[-1] != 0:
        problems.append(f"exit codes {codes}: {' '.join(said.split())[-600:].replace(SECRET_VALUE, '…')}")
    problems += _unhit(case, proxy, codes) + _shown(case, project)
    if made > DEPLOYMENTS[case.operation]:
        problems.append(f"{made} deployments instead of {DEPLOYMENTS[case.operation]}")
    return Outcome(case, proxy.hit(), len(proxy.operations), codes, left, made, seconds, problems)


def _unhit(case: Case, proxy: FaultProxy, codes: list[int]) -> list[str]:
    if case.fault is None:
        return []
    if not proxy.hit():
        least = case.fault.position - SOMETIMES
        few = f"only {len(proxy.operations)} requests: the fault hit none"
        return [few] if len(proxy.operations) < least else []
    if case.fault.mode in KILLS and codes[0] >= 0:
        return ["the kill did not end the command"]
    return []


def _shown(case: Case, project: Project) -> list[str]:
    """Look for the secret in everything that Pulumi wrote; it must be there, encrypted."""
    files = [file for file in (project.folder / "state").rglob("*") if file.is_file()]
    problems = [f"{file.name} shows the secret" for file in files if SECRET_VALUE.encode() in file.read_bytes()]
    (state,) = [file for file in files if file.name == f"{project.stack}.json" and file.parent.parent.name == "stacks"]
    if case.operation is not Operation.DESTROY and '"ciphertext"' not in state.read_text():
        problems.append("the state lost the secret")
    return problems


def modes_of(positions: int) -> Iterator[Fault]:
    """Yield every fault of an operation with so many requests."""
    for mode in Mode:
        yield from (Fault(position, mode) for position in range(1, positions + 1))
