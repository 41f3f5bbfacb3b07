"""The local stack's `pulumi up` as one step: a line for each image, deployment and migration, the rest in a log.

Pulumi prints about four hundred lines for a first update. A person waits for its builds and deployments; everything
else goes to the log. If the update fails, the reason is printed from there.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ops.plan.resource_kinds import ROLLOUT, SCHEMA, WAIT
from ops.printable import escaped, log_line
from ops.progress.board import line_name
from ops.progress.build_progress import BuildProgress
from ops.progress.records import BUILD, BuildEvent, ErrorEvent, Moment
from ops.progress.update_log import update_log
from ops.progress.watched_update import diagnostics
from ops.toolchain.console import step

if TYPE_CHECKING:
    from pathlib import Path

    from ops.progress.records import StepEvent, WaitEvent
    from ops.progress.update_log import UpdateLog
    from ops.toolchain.console import Step

LOOK_SECONDS = 0.25
LAST_LINES = 15
BUILD_LINES = 8
"""How many lines of a failed build are shown: what its command printed comes before BuildKit's own summary."""
_TOLD = {BUILD: "built and pushed", WAIT: "deployed", SCHEMA: "migrations applied", ROLLOUT: "asked"}
_DONE = {"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced"}


class UpdateTold:
    """What an update has done so far, told a line at a time.

    Args:
        clock: returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: dict[str, float] = {}
        self._names: dict[str, str] = {}
        self._said: dict[str, str] = {}
        self._builds: dict[str, BuildProgress] = {}
        self._lines: dict[str, deque[str]] = {}
        self._done: dict[str, str] = {}

    def told(self, events: Iterable[StepEvent | ErrorEvent | BuildEvent], waits: Iterable[WaitEvent]) -> Iterator[str]:
        """Take the new events, and yield a line for each step that has ended and that people wait for."""
        self._said.update({wait.subject: wait.said for wait in waits})
        for event in events:
            if isinstance(event, ErrorEvent):
                continue
            if isinstance(event, BuildEvent):
                self._builds[event.urn] = self._builds.get(event.urn, BuildProgress()).after(event.line)
                if event.line.strip():
                    self._lines.setdefault(event.urn, deque(maxlen=BUILD_LINES)).append(event.line.strip())
                continue
            urn = event.step.urn
            if event.moment is Moment.BEGAN:
                self._began[urn] = self._clock()
                if event.step.kind in _TOLD:
                    self._names[urn] = line_name(event.step)
                continue
            self._names.pop(urn, None)
            seconds = self._clock() - self._began.pop(urn, self._clock())
            if event.moment is Moment.FAILED:
                yield f"{line_name(event.step)}: failed after {seconds:.0f} s"
                yield from (f"  {line}" for line in self._lines.get(urn, ()))
                continue
            # A component has one more event, for its outputs, and a replacement has three: the last one counts.
            self._done[urn] = _DONE.get(event.step.op, "")
            if event.step.kind in _TOLD and event.step.kind != ROLLOUT and not event.step.deletes:
                how = self._said.get(line_name(event.step), "") or _TOLD[event.step.kind]
                yield f"{line_name(event.step)}: {how}, {seconds:.0f} s"

    def doing(self) -> str:
        """Return what is under way, in the order in which it began."""
        said = {
            urn: self._builds[urn].said if urn in self._builds else self._said.get(self._names[urn], "")
            for urn in self._names
        }
        return ", ".join(f"{name} ({said[urn]})" if said[urn] else name for urn, name in self._names.items())

    def result(self) -> list[str]:
        """Return how many resources were changed, by what was done to them."""
        counts = Counter(what for what in self._done.values() if what)
        return [f"{count} {what}" for what, count in counts.items()] or ["nothing to change"]


def run(argv: Sequence[str], *, checkout: Path, env: Mapping[str, str], log: Path) -> int:
    """Run an update and return its exit code.

    Args:
        argv: `pulumi up` with its arguments.
        checkout: the program.
        env: a whole environment.
        log: the file that takes what Pulumi prints.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        update_log() as recorded,
        log.open("w+", encoding="utf-8", errors="replace") as out,
        step("pulumi up") as current,
    ):
        process = subprocess.Popen(
            [*argv, *recorded.arguments],
            cwd=checkout,
            env={**env, **recorded.variables},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            _follow(process, recorded, current)
        finally:
            process.wait()  # the update goes on to its end even if nothing reads its lines any more (make local | head)
        if process.returncode != 0:
            current.got(f"ended with exit code {process.returncode}")
            out.seek(0)
            why = diagnostics(out.read()).strip().splitlines()[-LAST_LINES:]
            sys.stdout.write("".join(log_line(f"  {line}\n") for line in why))
            current.note(f"all that Pulumi printed is in {log}")
    return process.returncode


def _follow(process: subprocess.Popen[bytes], recorded: UpdateLog, current: Step) -> None:
    told, is_over = UpdateTold(), False
    while not is_over:
        try:
            process.wait(LOOK_SECONDS)
            is_over = True  # the log is read once more, for what was written last
        except subprocess.TimeoutExpired:
            pass
        for line in told.told(recorded.steps(), recorded.waits()):
            current.note(log_line(escaped(line)))
        current.doing(escaped(told.doing()))
    if process.returncode == 0:
        current.result[:] = told.result()
