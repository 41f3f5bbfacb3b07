"""The record of what runs where: one ignored file, rewritten after each change, so that `up` and `down` can resume."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ops.local import process
from ops.local.process import Process
from ops.toolchain.store import read_json, write_atomically

if TYPE_CHECKING:
    from ops.local.layout import Layout

ORDER = ("docker", "registry", "buildkit", "standins", "emulator")
"""The order in which they start; they stop in reverse, because the emulator's containers need Docker."""


@dataclass(frozen=True)
class LocalService:
    """One service of the local stack.

    Args:
        name: one of `ORDER`.
        way: its origin (`ops.toolchain.tools.Tool.way`); `daemon` is not ours, and never stopped.
        address: `127.0.0.1:PORT`, or `unix://…`.
        process: the process that runs it, if it is ours.
        container: the container that runs it, if it is ours.
    """

    name: str
    way: str
    address: str
    process: Process | None = None
    container: str = ""

    @property
    def port(self) -> int:
        """The port of its address; 0 for a socket."""
        tail = self.address.rpartition(":")[2]
        return int(tail) if tail.isdigit() else 0

    def is_alive(self) -> bool:
        """Tell whether its process still runs; True if somebody else runs it."""
        return self.process is None or process.is_alive(self.process)


@dataclass(frozen=True)
class Services:
    """All services, with notes for `down`.

    Args:
        by_name: the services that were started, or found running.
        notes: small facts, such as which network bridge did not exist before.
    """

    by_name: Mapping[str, LocalService] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    def with_service(self, service: LocalService) -> Services:
        """Return them with one added or replaced."""
        return replace(self, by_name={**self.by_name, service.name: service})

    def with_note(self, name: str, text: str) -> Services:
        """Return them with a note."""
        return replace(self, notes={**self.notes, name: text})

    @property
    def ports(self) -> set[int]:
        """All of their ports."""
        return {service.port for service in self.by_name.values()} - {0}


def load(layout: Layout) -> Services:
    """Return what was written last; if the file is missing or damaged, what can be found without it."""
    written = read_json(layout.services)
    try:
        return _parse(written) if isinstance(written, dict) else recovered(layout)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return recovered(layout)


_ADDRESSES = {
    "registry": re.compile(r"^export CONVOS_IMAGE_REGISTRY=(127\.0\.0\.1:\d{1,5})$", re.MULTILINE),
    "emulator": re.compile(r"^export RAILWAY_ENDPOINT=http://(127\.0\.0\.1:\d{1,5})/graphql/v2$", re.MULTILINE),
}
_DOCKER = re.compile(r"^export DOCKER_HOST=(\S+)$", re.MULTILINE)


def recovered(layout: Layout) -> Services:
    """Return the services by the file for shells, with the processes that still run by their marks.

    Their ports are in the stack's state: with different ports, every image and every service would change.
    """
    try:
        text = layout.env.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return Services()
    docker = _DOCKER.search(text)
    found = Services()
    for name, pattern in _ADDRESSES.items():
        if (address := pattern.search(text)) is None:
            continue
        running = process.marked(process.mark_of(layout.root, name))
        way = "found again"
        if name == "emulator":
            way = f"docker {docker[1]}" if docker else "simulated"
        # Without a process, nothing is known about it: it counts as dead, and is started again on its port.
        found = found.with_service(LocalService(name, way, address[1], running[0] if running else Process(0, "")))
    return found


def save(layout: Layout, services: Services) -> None:
    """Write them to the file atomically."""
    text = json.dumps(
        {"services": {n: asdict(s) for n, s in services.by_name.items()}, "notes": dict(services.notes)}, indent=2
    )
    write_atomically(layout.services, text + "\n")


def _parse(written: Mapping[str, Any]) -> Services:
    found = {}
    for name, one in written["services"].items():
        running = one.get("process")
        found[name] = LocalService(
            name=str(name),
            way=str(one["way"]),
            address=str(one["address"]),
            process=Process(int(running["pid"]), str(running["started"])) if running else None,
            container=str(one.get("container", "")),
        )
    return Services(found, {str(k): str(v) for k, v in written.get("notes", {}).items()})
