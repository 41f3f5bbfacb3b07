"""One function for each tool: it decides how to install the tool, installs it, and reports how."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ops.toolchain import debian, docker_api, gomod, install_plan, pins, release
from ops.toolchain.errors import ToolError
from ops.toolchain.machine import Machine, Program, Version, find_program, search_path, show

if TYPE_CHECKING:
    from ops.toolchain.console import Step
    from ops.toolchain.store import Store

PLUGIN_SECONDS = 180.0


ORIGIN = {
    "path": "found on PATH",
    "release": "the vendor's release",
    "plugin": "fetched by Pulumi itself",
    "go": "built from pinned Go modules",
    "debian": "from its Debian package",
    "container": "as a container",
    "daemon": "running already",
    "own": "a daemon of our own",
}
"""The description of each way in the line for the user."""


@dataclass(frozen=True)
class Tool:
    """An available tool.

    Args:
        name: the tool.
        way: how it was installed, a key of `ORIGIN`.
        says: its name and version, for people.
        programs: the paths of its programs, by name; empty if a daemon does the work.
    """

    name: str
    way: str
    says: str
    programs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Workshop:
    """The common context of the tools' functions: the machine's facts, the cache, and the step that informs the user.

    Args:
        docker: the daemon in use, queried once.
    """

    machine: Machine
    store: Store
    step: Step
    docker: install_plan.Daemon | None = None

    def find(self, name: str, version_flag: str = "") -> Program | None:
        """Return a program from the user's PATH, ignoring our cache."""
        return find_program(name, search_path(without=self.store.bin), version_flag)


def summary(tools: Iterable[Tool]) -> list[str]:
    """Return one phrase for each way that was used, with all the tools that were installed that way."""
    by_way: dict[str, list[str]] = {}
    for tool in tools:
        by_way.setdefault(tool.way, []).append(tool.says)
    return [f"{', '.join(says)} ({ORIGIN[way]})" for way, says in by_way.items()]


def pulumi(shop: Workshop) -> Tool:
    """Return the Pulumi CLI with its Python language host.

    Raises:
        ToolError: every way failed; the message has the command that installs it.
    """
    found = {name: shop.find(name) for name in pins.PULUMI_PROGRAMS}
    cli = found["pulumi"]
    if cli is not None:  # `--version` of these programs starts no plugin and needs no network
        found["pulumi"] = Program(cli.path, shop.find("pulumi", "version").version)  # type: ignore[union-attr]
    checksum = release.read_checksums().get(release.archive(release.platform_of(shop.machine)), "")
    plan = install_plan.pulumi(found, shop.machine)

    def on_path() -> Tool:
        return _on_path("pulumi", found)

    def from_release() -> Tool:
        release.install(shop.machine, checksum, shop.store, shop.step)
        return _cached(shop, "pulumi", "release", f"pulumi {pins.PULUMI}", pins.PULUMI_PROGRAMS)

    def from_go() -> Tool:
        for module in (pins.PULUMI_MODULE, pins.LANGUAGE_MODULE):
            gomod.build(module, shop.store, shop.step)
        return _cached(shop, "pulumi", "go", f"pulumi {pins.PULUMI}", pins.PULUMI_PROGRAMS)

    built = (pins.PULUMI_MODULE, pins.LANGUAGE_MODULE)
    if plan.ways[:1] != ("path",) and all(shop.store.is_current(one.name, one.digest()) for one in built):
        return from_go()  # the cache has it: the vendor's site is not asked on each command
    return _take(plan, {"path": on_path, "release": from_release, "go": from_go}, shop.step)


def docker_build(shop: Workshop, cli: Tool) -> Tool:
    """Return the docker-build plugin for a Pulumi CLI.

    Raises:
        ToolError: every way failed; the message has the command that installs it.
    """
    name = "pulumi-resource-docker-build"
    found = shop.find(name)
    plan = install_plan.docker_build(found, shop.machine, cli.way)
    label = f"docker-build {pins.DOCKER_BUILD}"

    def itself() -> Tool:
        _install_plugin(shop, cli.programs["pulumi"])
        return Tool("docker-build", "plugin", label)

    def from_go() -> Tool:
        gomod.build(pins.DOCKER_BUILD_MODULE, shop.store, shop.step)
        return _cached(shop, "docker-build", "go", label, (name,))

    take = {"path": lambda: _on_path("docker-build", {name: found}), "plugin": itself, "go": from_go}
    return _take(plan, take, shop.step)


def buildkit(shop: Workshop) -> Tool:
    """Return BuildKit: Docker's own, or a `buildkitd` to start.

    Raises:
        ToolError: every way failed; the message has the command that installs it.
    """
    found = {"buildkitd": shop.find("buildkitd", "--version"), "runc": shop.find("runc")}
    plan = install_plan.buildkit(shop.docker, found, shop.machine)

    def with_runc(tool: Tool) -> Tool:
        if found["runc"] is None:
            debian.install(("runc",), shop.store, shop.step)
        return tool

    def from_go() -> Tool:
        gomod.build(pins.BUILDKIT_MODULE, shop.store, shop.step)
        says = f"buildkit {pins.BUILDKIT}"
        return with_runc(_cached(shop, "buildkit", "go", says, pins.BUILDKIT_MODULE.programs))

    take = {
        "daemon": lambda: Tool("buildkit", "daemon", "Docker's BuildKit"),
        "path": lambda: with_runc(
            _on_path("buildkit", {"buildkitd": found["buildkitd"], "buildctl": shop.find("buildctl")})
        ),
        "go": from_go,
    }
    return _take(plan, take, shop.step)


def registry(shop: Workshop) -> Tool:
    """Return an OCI registry to start: a binary, or a marker that a container will be used.

    Raises:
        ToolError: every way failed; the message has the command that installs it.
    """
    found = shop.find("docker-registry") or shop.find("registry")
    plan = install_plan.registry(found, shop.docker, shop.machine)

    def from_debian() -> Tool:
        debian.install(("docker-registry",), shop.store, shop.step)
        return _on_path("registry", {"registry": shop.find("docker-registry")}, "debian")

    def as_container() -> Tool:
        _pull(shop, "registry", "3")
        return Tool("registry", "container", "registry:3")

    def from_go() -> Tool:
        gomod.build(pins.REGISTRY_MODULE, shop.store, shop.step)
        return _cached(shop, "registry", "go", f"registry {pins.REGISTRY}", ("registry",))

    take = {
        "path": lambda: _on_path("registry", {"registry": found}),
        "debian": from_debian,
        "container": as_container,
        "go": from_go,
    }
    return _take(plan, take, shop.step)


def docker(shop: Workshop) -> Tool | None:
    """Return Docker: a running daemon or a `dockerd` to start. None means simulation; the reason is printed."""
    dockerd = shop.find("dockerd", "--version")
    plan = install_plan.docker(shop.docker, dockerd, shop.machine)

    def running() -> Tool:
        version = shop.docker.version if shop.docker else None
        return Tool("docker", "daemon", f"docker {show(version)}")

    def own(program: Program | None) -> Tool:
        if program is None:
            raise ToolError("docker", "docker.io does not contain dockerd")
        return Tool("docker", "own", f"docker {show(program.version)}", {"dockerd": program.path})

    def from_debian() -> Tool:
        debian.install(("docker.io", "runc", "iptables"), shop.store, shop.step)
        daemon = docker_api.find()  # with systemd, the package starts its own daemon
        if daemon is not None:
            return Tool("docker", "daemon", f"docker {show(daemon.version)}")
        return own(shop.find("dockerd", "--version"))

    try:
        return _take(plan, {"daemon": running, "own": lambda: own(dockerd), "debian": from_debian}, shop.step)
    except ToolError as error:
        shop.step.note(f"{error}; deployments are simulated until then")
        return None


def _take(plan: install_plan.InstallPlan, take: Mapping[str, Callable[[], Tool]], step: Step) -> Tool:
    """Try a plan's ways in order; report why one failed before trying the next.

    Raises:
        ToolError: none is left; the message has every reason and the advice.
    """
    reasons = list(plan.skipped)
    for way in plan.ways:
        try:
            tool = take[way]()
        except ToolError as error:
            reasons.append(str(error))
        else:
            for reason in reasons:
                step.note(reason)
            return tool
    raise ToolError(plan.tool, ", ".join(reasons) or "not found", plan.missing)


def _on_path(name: str, found: Mapping[str, Program | None], way: str = "path") -> Tool:
    programs = {program: where.path for program, where in found.items() if where is not None}
    version: Version | None = next((where.version for where in found.values() if where and where.version), None)
    says = f"{name} {show(version)}" if version else name
    if not programs:
        raise ToolError(name, "not on PATH after it was installed")
    return Tool(name, way, says, programs)


def _cached(shop: Workshop, name: str, way: str, says: str, programs: tuple[str, ...]) -> Tool:
    return Tool(name, way, says, {program: str(shop.store.bin / program) for program in programs})


def _install_plugin(shop: Workshop, cli: str) -> None:
    """Let Pulumi download the plugin into the cache's own home, which `local` links into the stack's."""
    shop.step.doing(f"pulumi plugin install resource docker-build {pins.DOCKER_BUILD}", slow=True)
    environment = {
        **os.environ,
        "PULUMI_HOME": str(shop.store.root / "pulumi-home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    argv = [cli, "plugin", "install", "resource", "docker-build", pins.DOCKER_BUILD]
    try:
        done = subprocess.run(
            argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PLUGIN_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise ToolError("docker-build", f"its download did not end in {PLUGIN_SECONDS:.0f} s") from None
    if done.returncode != 0:
        words = done.stderr.strip().splitlines() or ["no reason given"]
        raise ToolError("docker-build", f"pulumi plugin install: {words[-1]}")


def _pull(shop: Workshop, image: str, tag: str) -> None:
    """Ensure that a daemon has an image, by the API, as the CLI may be missing."""
    if shop.docker is None:
        raise ToolError(image, "no Docker daemon")
    try:
        docker_api.request(shop.docker.host, "GET", f"/images/{image}:{tag}/json")
    except (OSError, ValueError):
        shop.step.doing(f"pulling {image}:{tag}", slow=True)
        try:
            docker_api.pull(shop.docker.host, image, tag)
        except (OSError, ValueError) as error:
            raise ToolError(image, f"Docker cannot pull {image}:{tag} ({error})") from None
