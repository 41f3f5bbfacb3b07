"""Decides how each tool is installed: pure functions from facts to a list of ways, the best first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ops.toolchain import pins
from ops.toolchain.machine import Machine, Program, Version, show


@dataclass(frozen=True)
class Daemon:
    """A running Docker daemon.

    Args:
        host: its address, in the format of `DOCKER_HOST`.
        version: the server's release, not the client's.
    """

    host: str
    version: Version


@dataclass(frozen=True)
class InstallPlan:
    """The ways to try, in order, with the reasons against better ones and the advice if all fail.

    Args:
        tool: the tool.
        ways: `path`, `release`, `plugin`, `go`, `debian`, `container`, `daemon` or `own`, best first.
        skipped: why a better way is not used, each a short phrase.
        missing: the advice if every way fails: one line with a command.
    """

    tool: str
    ways: tuple[str, ...]
    missing: str
    skipped: tuple[str, ...] = field(default=())


def _go_is_enough(machine: Machine) -> bool:
    return machine.go is not None and machine.go >= pins.GO_MINIMUM


def _install_go(machine: Machine) -> str:
    return "install Go 1.26 (https://go.dev/doc/install)" if machine.system != "Darwin" else "run: brew install go"


def pulumi(found: Mapping[str, Program | None], machine: Machine) -> InstallPlan:
    """Plan the Pulumi CLI with its Python language host: both must come the same way, as they must match."""
    ways: list[str] = []
    skipped: list[str] = []
    cli = found.get("pulumi")
    absent = [name for name in pins.PULUMI_PROGRAMS if found.get(name) is None]
    if cli is not None and (cli.version is None or cli.version < pins.PULUMI_MINIMUM):
        skipped.append(f"pulumi on PATH is {show(cli.version)}, older than {show(pins.PULUMI_MINIMUM)}")
    elif cli is not None and absent:
        skipped.append(f"pulumi on PATH lacks {absent[0]}")
    elif cli is not None:
        ways.append("path")
    if machine.arch in ("x64", "arm64") and machine.system in ("Linux", "Darwin"):
        ways.append("release")
    elif "path" not in ways:
        skipped.append(f"the vendor has no release for {machine.system} on {machine.arch}")
    if _go_is_enough(machine):
        ways.append("go")
    brew = "brew install pulumi" if machine.system == "Darwin" else "curl -fsSL https://get.pulumi.com | sh"
    return InstallPlan("pulumi", tuple(ways), f"run: {brew}  (or {_install_go(machine)})", tuple(skipped))


def docker_build(found: Program | None, machine: Machine, pulumi_way: str) -> InstallPlan:
    """Plan the docker-build plugin: the vendor's Pulumi downloads it itself, any other needs it on PATH."""
    ways = ["path"] if found is not None else []
    if pulumi_way in ("path", "release"):
        ways.append("plugin")
    if _go_is_enough(machine):
        ways.append("go")
    missing = f"run: pulumi plugin install resource docker-build {pins.DOCKER_BUILD}  (or {_install_go(machine)})"
    return InstallPlan("docker-build", tuple(ways), missing)


def docker(daemon: Daemon | None, dockerd: Program | None, machine: Machine) -> InstallPlan:
    """Plan Docker: a running daemon, else one of our own; without either, deployments are simulated."""
    if daemon is not None:
        return InstallPlan("docker", ("daemon",), "")
    if machine.system == "Linux" and machine.root:
        ways = ("own",) if dockerd is not None else ("debian",) if machine.debian else ()
        return InstallPlan(
            "docker", ways, "install Docker (https://docs.docker.com/engine/install)", ("no daemon answers",)
        )
    command = {
        "Darwin": "open -a Docker  (or: brew install colima docker && colima start)",
        "Linux": "sudo systemctl start docker"
        if dockerd is not None
        else "sudo apt-get install -y docker.io"
        if machine.debian
        else "curl -fsSL https://get.docker.com | sudo sh",
    }.get(machine.system, "install Docker (https://docs.docker.com/get-docker)")
    return InstallPlan("docker", (), f"for real containers run: {command}", ("no daemon answers",))


def buildkit(daemon: Daemon | None, found: Mapping[str, Program | None], machine: Machine) -> InstallPlan:
    """Plan BuildKit: Docker's own if it is new enough, else a `buildkitd`, which needs root and runc."""
    if daemon is not None and daemon.version >= pins.DOCKER_MINIMUM:
        return InstallPlan("buildkit", ("daemon",), "")
    old = (f"Docker {show(daemon.version)} has no BuildKit for docker-build",) if daemon else ("no Docker",)
    update = "install Docker 23 or newer (https://docs.docker.com/engine/install)"
    if machine.system != "Linux" or not machine.root:
        return InstallPlan("buildkit", (), update, (*old, "buildkitd needs root on Linux"))
    if found.get("runc") is None and not machine.debian:
        return InstallPlan("buildkit", (), f"{update}, or install runc", (*old, "no runc"))
    own = found.get("buildkitd")
    ways = ["path"] if own is not None and (own.version or ()) >= pins.BUILDKIT_MINIMUM else []
    if _go_is_enough(machine):
        ways.append("go")
    return InstallPlan("buildkit", tuple(ways), f"{update}, or {_install_go(machine)}", old)


def registry(found: Program | None, daemon: Daemon | None, machine: Machine) -> InstallPlan:
    """Plan the OCI registry: a binary, Debian's package, a container, or the same program from its Go module."""
    ways = ["path"] if found is not None else []
    if machine.root and machine.debian and found is None:
        ways.append("debian")
    if daemon is not None:
        ways.append("container")
    if _go_is_enough(machine):
        ways.append("go")
    missing = (
        "run: sudo apt-get install -y docker-registry" if machine.debian else f"start Docker or {_install_go(machine)}"
    )
    return InstallPlan("registry", tuple(ways), missing)
