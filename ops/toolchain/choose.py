"""Installs the whole toolchain in one call; a repeated call without changes starts no process and reads a few files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ops.toolchain import docker_api, pins, release, tools
from ops.toolchain.install_plan import Daemon
from ops.toolchain.machine import find_program, parse_version, read_machine, run_for_text, search_path, show
from ops.toolchain.store import Store, fingerprint, read_json, write_atomically
from ops.toolchain.tools import Tool, Workshop

if TYPE_CHECKING:
    from ops.toolchain.console import Step

MODULES = (
    pins.PULUMI_MODULE,
    pins.LANGUAGE_MODULE,
    pins.DOCKER_BUILD_MODULE,
    pins.BUILDKIT_MODULE,
    pins.REGISTRY_MODULE,
)
WATCHED = (*pins.PULUMI_PROGRAMS, "pulumi-resource-docker-build", "buildkitd", "runc", "docker-registry", "registry")


@dataclass(frozen=True)
class Toolchain:
    """All tools that the local stack needs.

    Args:
        tools: by name; `docker` is missing if it cannot be installed.
        daemon: the running Docker daemon; None until one of our own is started.
    """

    tools: dict[str, Tool]
    daemon: Daemon | None


def ensure(
    store: Store, step: Step, *, own: Daemon | None = None, own_host: str = "", with_docker: bool = True
) -> Toolchain:
    """Choose and install every tool, or return the previous result if it is still valid.

    Args:
        store: the cache.
        step: shows the progress.
        own: the running daemon that this checkout has started before.
        own_host: the address of such a daemon, so that it is not taken for the user's.
        with_docker: False if Docker is not wanted, or was tried and does not start.

    Raises:
        ToolError: an indispensable tool is missing; the message has the command that installs it.
    """
    with store.locked(lambda: step.doing("waiting for another make that fills the cache", slow=True)):
        shop = Workshop(read_machine(), store, step)
        return _with_docker(shop, own, own_host) if with_docker else Toolchain(_chosen(shop), None)


def _with_docker(shop: Workshop, own: Daemon | None, own_host: str) -> Toolchain:
    shop.step.doing("asking Docker")
    found = own or docker_api.find(own_host)
    shop = replace(shop, docker=found)
    docker = Tool("docker", "own", f"docker {show(own.version)}") if own else tools.docker(shop)
    if docker is not None and docker.way == "daemon" and found is None:  # its package has just started a daemon
        found = docker_api.find(own_host)
    chosen = _chosen(replace(shop, docker=found or _daemon_to_be(docker, own_host)))
    return Toolchain({**chosen, "docker": docker} if docker else chosen, found)


def _chosen(shop: Workshop) -> dict[str, Tool]:
    """Return the previous choice if nothing that it depends on has changed; otherwise choose again."""
    memo = shop.store.root / "chosen.json"
    known = read_json(memo)
    if isinstance(known, dict) and known.get("key") == key(shop) and _all_there(known["files"]):
        return {name: Tool(**tool) for name, tool in known["tools"].items()}
    cli = tools.pulumi(shop)
    chosen = {
        "pulumi": cli,
        "docker-build": tools.docker_build(shop, cli),
        "buildkit": tools.buildkit(shop),
        "registry": tools.registry(shop),
    }
    files = {path: fingerprint(path) for tool in chosen.values() for path in tool.programs.values()}
    note = {"key": key(shop), "files": files, "tools": {name: asdict(tool) for name, tool in chosen.items()}}
    write_atomically(memo, json.dumps(note, indent=1))
    return chosen


def _all_there(files: dict[str, Any]) -> bool:
    return all(fingerprint(path) == seen for path, seen in files.items())


def key(shop: Workshop) -> str:
    """Return a digest of everything that the choice depends on: the pins, the programs on PATH, and the daemon."""
    path = search_path(without=shop.store.bin)
    found = {name: find_program(name, path) for name in WATCHED}
    seen = [(program.path, fingerprint(program.path)) for program in found.values() if program is not None]
    code = [(pins.HERE / name).read_text() for name in ("pins.py", "install_plan.py", "tools.py")]
    pinned = [*code, *(module.digest() for module in MODULES), release.read_checksums()]
    return hashlib.sha256(repr((seen, pinned, shop.docker, shop.machine)).encode()).hexdigest()


def _daemon_to_be(docker: Tool | None, own_host: str) -> Daemon | None:
    """Return the daemon that `local` will start, as its program reports it: BuildKit's choice needs its version."""
    if docker is None or docker.way != "own":
        return None
    version = parse_version(run_for_text(docker.programs["dockerd"], "--version") or "")
    return Daemon(own_host, version) if version else None
