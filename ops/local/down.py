"""`make down`: stops and removes everything that was started here, even after a crash, and even twice in a row."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from ops.local import backend_files, bridges, mounts, process, stack, starting, sweep
from ops.local.services import ORDER, load
from ops.toolchain import docker_api
from ops.toolchain.console import step
from ops.toolchain.errors import ToolError
from ops.toolchain.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ops.local.layout import Layout
    from ops.local.services import Services
    from ops.toolchain.console import Step


def run(layout: Layout, *, force: bool = False) -> int:
    """Stop and remove the local stack, and print what was removed.

    While other stacks live in its backend, everything is stopped and nothing is removed: their states, the passphrase
    that opens them, and what they have on the emulator are in the same folder.

    Args:
        layout: the local stack.
        force: whether the states of other stacks are removed as well.

    Raises:
        ToolError: something remains that this user may not remove; the line has the command.
    """
    with Store(layout.root).locked(lambda: None), step("down") as current:
        services = load(layout)
        others = () if force else backend_files.others(layout.state, stack.PROJECT, stack.STACK)
        _stop_services(layout, services, current, keeps_data=bool(others))
        _stop_left_over(layout, current)
        if left := bridges.remove_left_over(layout):
            current.got(f"removed {left} network bridges")
        _remove_bridge(services, current)
        for folder in (layout.runtime, layout.root):
            mounts.unmount_below(folder)
        if others:
            _say_what_is_kept(layout, others, current)
            return 0
        _remove_files(layout, current)
        if not current.result:
            current.got("nothing was running, nothing to remove")
    return 0


def _say_what_is_kept(layout: Layout, others: Sequence[str], current: Step) -> None:
    current.note(f"kept {layout.root}: other stacks live in its backend: {', '.join(others)}")
    name = others[0].partition(" ")[0]
    current.note(f"remove each (make local; . .local/env; pulumi destroy --stack {name}; pulumi stack rm {name}),")
    current.note("then make down; or make down FORCE=1 removes their states, too")


def _stop_services(layout: Layout, services: Services, current: Step, *, keeps_data: bool) -> None:
    """Stop them in reverse order: the emulator's containers need Docker to the end."""
    for name in reversed(ORDER):
        if name == "docker":  # while a daemon still answers, and after the emulator has had its turn
            _remove_from_docker(layout, services, current, keeps_data=keeps_data)
        service = services.by_name.get(name)
        if service is None or service.process is None:
            continue
        current.doing(f"stopping {name}")
        if process.stop(service.process):
            current.got(f"stopped {name}")


def _remove_from_docker(layout: Layout, services: Services, current: Step, *, keeps_data: bool) -> None:
    """Remove our containers and networks that a crash left in a Docker daemon that keeps running."""
    docker = services.by_name.get("docker")
    daemon = docker_api.ask(docker.address) if docker is not None else docker_api.find(starting.own_docker_host(layout))
    if daemon is not None:
        current.doing("looking for containers of ours")
        for what, count in sweep.remove(daemon.host, sweep.labels(layout), volumes=not keeps_data).items():
            current.got(f"removed {count} {what}")


def _stop_left_over(layout: Layout, current: Step) -> None:
    """Stop processes that are not recorded: children of a killed daemon, a process started at the moment of a crash."""
    mark = process.mark_of(layout.root)
    stopped = process.stop(*process.marked(mark), seconds=5.0)
    stopped += process.stop(*process.marked(mark), seconds=1.0)  # processes that appeared while others ended
    if stopped:
        current.got(f"stopped {stopped} left-over processes")


def _remove_bridge(services: Services, current: Step) -> None:
    """Remove Docker's bridge if our daemon created it and no other daemon has started since."""
    bridge = services.notes.get("bridge", "")
    if not bridges.exists(bridge) or docker_api.find() is not None:
        return
    try:
        bridges.delete(bridge)
    except OSError as error:
        current.note(f"the network bridge {bridge} stays ({error.strerror})")
    else:
        current.got(f"removed the network bridge {bridge}")


def _remove_files(layout: Layout, current: Step) -> None:
    keep: set[Path] = set()
    config = layout.checkout / f"Pulumi.{stack.STACK}.yaml"
    if not stack.forget_salt(config) and layout.passphrase.exists():
        keep.add(layout.passphrase)
        current.note(f"kept {layout.passphrase}: {config.name} has secrets that only it opens")
    for folder in (layout.root, layout.runtime):
        if not folder.exists():
            continue
        current.doing(f"removing {folder}")
        if _remove_but(folder, keep):
            current.got(f"removed {folder.name if folder == layout.root else folder}")


def _remove_but(folder: Path, keep: set[Path]) -> bool:
    """Remove a folder except for some files at its top; tell whether there was anything.

    Raises:
        ToolError: a file belongs to another user; containers of a Docker that runs as root leave such files.
    """
    removed = False
    for entry in folder.iterdir():
        if entry in keep:
            continue
        removed |= entry.name != "lock"  # that one is this very command's
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
        if entry.exists():
            raise ToolError("down", f"{entry} cannot be removed by this user", f"run: sudo rm -r '{folder}'")
    if not keep:
        folder.rmdir()
    return removed
