"""What `make doctor` says of a machine: what it has, what would be installed or built, and what a person has to get."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ops.toolchain import install_plan
from ops.toolchain.base_images import NODE_MINIMUM
from ops.toolchain.for_tests import PROGRAMS
from ops.toolchain.machine import Machine, Program, Version, show

if TYPE_CHECKING:
    from ops.toolchain.install_plan import Daemon, InstallPlan

NEEDED_MB = 3000
"""The cache of a toolchain that was built, the virtual environment, and the images of a local stack take 2.5 GB."""
SECONDS = {"release": 30, "plugin": 15, "debian": 40, "container": 20, "own": 5}
"""How long each way takes, on two cores and a typical connection; for builds from Go modules see GO_SECONDS."""
GO_SECONDS = {"pulumi": 195, "docker-build": 120, "buildkit": 90, "registry": 30}
"""How long the builds took on two cores with an empty Go cache; with a full one each takes a few seconds."""
VENV_SECONDS = 90


class Have(StrEnum):
    """Whether something is there."""

    HERE = "here"
    COMES = "comes"
    PARTLY = "without"
    MISSING = "missing"


@dataclass(frozen=True)
class SurveyRow:
    """One row.

    Attributes:
        subject: the tool.
        have: whether it is there.
        text: its version, how it will be installed, or what is left out without it.
        command: the command that installs it, if a person has to; otherwise empty.
        seconds: about how long the installation takes.
    """

    subject: str
    have: Have
    text: str
    command: str = ""
    seconds: int = 0

    def document(self) -> dict[str, object]:
        """Return it for scripts."""
        return {**asdict(self), "have": str(self.have)}


@dataclass(frozen=True)
class Facts:
    """The facts that a survey is made from.

    Attributes:
        machine: the system.
        programs: what is on PATH, by name.
        built: the names of the tools that are already in the cache.
        daemon: the Docker daemon that answers.
        free_mb: the free space on the checkout's disk, in units of 1,000,000 bytes.
        has_venv: whether the virtual environment was made from the current locked file.
        python: the version of the Python that runs this.
        docker_package: the version of Debian's package of Docker; None if there is none.
    """

    machine: Machine
    programs: Mapping[str, Program | None]
    built: frozenset[str]
    daemon: Daemon | None
    free_mb: int
    has_venv: bool
    python: str
    docker_package: Version | None = None


def survey(seen: Facts) -> list[SurveyRow]:
    """Return a row for each thing that `make local` and `make test` need. Pure."""
    return [*_for_local(seen), *_for_tests(seen)]


def is_enough(found: Sequence[SurveyRow]) -> bool:
    """Tell whether `make local` would work."""
    return all(one.have is not Have.MISSING for one in found)


def _for_local(seen: Facts) -> Iterator[SurveyRow]:
    machine, programs = seen.machine, seen.programs
    system = f"{machine.system} on {machine.arch}, {'root' if machine.root else 'not root'}"
    if seen.free_mb < NEEDED_MB:
        yield SurveyRow("disk", Have.MISSING, f"{seen.free_mb} MB are free, {NEEDED_MB} are needed", "make room")
    else:
        yield SurveyRow("machine", Have.HERE, f"{system}, {seen.free_mb // 1000} GB free")
    for name in ("git", "make"):
        there = programs.get(name) is not None
        yield _present(name, "") if there else SurveyRow(name, Have.MISSING, "not on PATH", _get(machine, name))
    yield SurveyRow("python", Have.HERE, seen.python)
    venv = "its packages, from ops/requirements.txt with their hashes"
    yield _present(".venv", "") if seen.has_venv else SurveyRow(".venv", Have.COMES, venv, "", VENV_SECONDS)
    cli = install_plan.pulumi(programs, machine)
    yield _planned(cli, seen)
    yield _planned(install_plan.docker_build(programs.get("docker-build"), machine, (*cli.ways, "")[0]), seen)
    docker = install_plan.docker(seen.daemon, programs.get("dockerd"), machine)
    yield _docker(docker, seen)
    yield _planned(install_plan.buildkit(_daemon(docker, seen), programs, machine), seen)
    yield _planned(install_plan.registry(programs.get("registry"), seen.daemon, machine), seen)
    how = "18, from its Python wheel in .venv"
    yield _present("PostgreSQL", how) if seen.has_venv else SurveyRow("PostgreSQL", Have.COMES, how)


def _daemon(plan: InstallPlan, seen: Facts) -> Daemon | None:
    dockerd = seen.programs.get("dockerd")
    if plan.ways == ("own",) and dockerd is not None and dockerd.version is not None:
        return install_plan.Daemon("", dockerd.version)
    if plan.ways == ("debian",) and seen.docker_package is not None:
        return install_plan.Daemon("", seen.docker_package)
    return seen.daemon


def _docker(plan: InstallPlan, seen: Facts) -> SurveyRow:
    if seen.daemon is not None:
        return _present("docker", show(seen.daemon.version))
    if plan.ways:
        how = {"own": "make local starts a daemon of its own", "debian": "its Debian package is installed"}
        return SurveyRow("docker", Have.COMES, how[plan.ways[0]], "", SECONDS[plan.ways[0]])
    text = "no daemon answers: deployments are simulated, no agent runs, and tests of containers are skipped"
    return SurveyRow("docker", Have.PARTLY, text, plan.missing.removeprefix("for real containers run: "))


def _planned(plan: InstallPlan, seen: Facts) -> SurveyRow:
    if plan.tool in seen.built and plan.ways[:1] != ("path",):
        return _present(plan.tool, "in .cache/toolchain")
    if not plan.ways:
        return SurveyRow(
            plan.tool, Have.MISSING, ", ".join(plan.skipped) or "not found", plan.missing.removeprefix("run: ")
        )
    way = plan.ways[0]
    if way in ("path", "daemon"):
        return _present(plan.tool, "on PATH" if way == "path" else "Docker's own")
    how = {
        "release": "the vendor's release is downloaded",
        "plugin": "Pulumi downloads its plugin",
        "go": "it is built from pinned Go modules",
        "debian": "its Debian package is installed",
        "container": "it runs as a container",
    }[way]
    seconds = GO_SECONDS.get(plan.tool, 60) if way == "go" else SECONDS[way]
    later = f"; out of reach: built from Go modules, {GO_SECONDS[plan.tool]} s" if "go" in plan.ways[1:] else ""
    return SurveyRow(plan.tool, Have.COMES, how + later, "", seconds)


TEST_PROGRAMS = (
    ("Chromium", PROGRAMS["chromium"], "chromium", "pages"),
    (
        "node",
        ("node",),
        "nodejs",
        "the runtime outside of a container; make local needs it where no base image can be pulled",
    ),
    ("psql", ("psql",), "postgresql", "servers with TLS and other releases of PostgreSQL"),
    ("openssl", ("openssl",), "openssl", "certificates"),
)
"""The programs that tests look for on PATH: subject, names, Debian package, and the subject of those tests."""


def _for_tests(seen: Facts) -> Iterator[SurveyRow]:
    for subject, names, package, about in TEST_PROGRAMS:
        found = next((there for name in names if (there := seen.programs.get(name)) is not None), None)
        text, command = f"make test skips the tests of {about}", _get(seen.machine, package)
        if subject == "node":
            is_old = found is not None and found.version is not None and found.version[0] < NODE_MINIMUM
            text = f"{show(found.version)} is older than {NODE_MINIMUM}: {text}" if is_old and found else text
            found = None if is_old else found
            # The package of a stable Debian may be older than that.
            command = command if seen.machine.system == "Darwin" else "install Node 22 (https://nodejs.org/en/download)"
        yield _present(subject, "") if found else SurveyRow(subject, Have.PARTLY, text, command)
    if seen.programs.get("pgbouncer") is not None:
        yield _present("pgbouncer", "")
    elif seen.machine.debian:
        yield SurveyRow("pgbouncer", Have.COMES, "its Debian package is unpacked into the cache", "", SECONDS["debian"])
    else:
        text = "make test skips the tests behind a pooler"
        yield SurveyRow("pgbouncer", Have.PARTLY, text, _get(seen.machine, "pgbouncer"))


def _present(subject: str, text: str) -> SurveyRow:
    return SurveyRow(subject, Have.HERE, text or "on PATH" if subject != ".venv" else "from ops/requirements.txt")


def _get(machine: Machine, package: str) -> str:
    if machine.system == "Darwin":
        return f"brew install {package.replace('nodejs', 'node')}"
    if not machine.debian:
        return f"install {package} with the packages of this system"
    return f"{'' if machine.root else 'sudo '}apt-get install -y {package}"


def lines(found: Sequence[SurveyRow]) -> list[str]:
    """Return the rows for people, and a last line that sums them up."""
    wide = max(len(one.subject) for one in found)
    rows = []
    for one in found:
        after = f"; about {_duration(one.seconds)}" if one.seconds else ""
        step = f"\n  {'':<{wide}}  {'':<7}  {one.command}" if one.command else ""
        rows.append(f"  {one.subject:<{wide}}  {one.have:<7}  {one.text}{after}{step}")
    return [*rows, "", f"  {_summary(found)}"]


def _summary(found: Sequence[SurveyRow]) -> str:
    missing = [one.subject for one in found if one.have is Have.MISSING]
    if missing:
        return f"make local cannot work here yet: {', '.join(missing)}"
    local = [one for one in found if one.have is Have.COMES and one.subject != "pgbouncer"]
    less = [one.subject for one in found if one.have is Have.PARTLY]
    without = f" It goes without {', '.join(less)}." if less else " No test is skipped."
    if not local:
        return f"make local installs nothing more.{without}"
    names = ", ".join(one.subject for one in local)
    return f"make local gets {names}, about {_duration(sum(one.seconds for one in local))}.{without}"


def _duration(seconds: int) -> str:
    return f"{seconds} s" if seconds < 90 else f"{(seconds + 30) // 60} min"
