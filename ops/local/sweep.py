"""Removes our containers and networks from a Docker that is not ours: found by labels, never by names."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from ops.toolchain import docker_api

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ops.local.layout import Layout


_ENDED_WELL = re.compile(r"Exited \(0\)")
"""Docker's status of a container with exit code 0: a deployment may end like this when its work is done."""


def labels(layout: Layout) -> tuple[str, ...]:
    """Return the labels of this checkout's things: our own and the emulator's."""
    return (f"convos.checkout={layout.short_name}", emulator_label(layout))


def emulator_label(layout: Layout) -> str:
    """Return the label of the things that the emulator of this checkout created."""
    return f"convos.emulator.data={layout.root / 'emulator'}"


def crashed(host: str, label: str) -> int:
    """Return how many containers with a label have ended by a signal or an error, and are still there."""
    query = quote(json.dumps({"label": [label], "status": ["exited", "dead"]}))
    try:
        found = docker_api.request(host, "GET", f"/containers/json?all=1&filters={query}")
        return sum(not _ENDED_WELL.match(str(one.get("Status"))) for one in found)
    except (OSError, ValueError, AttributeError, TypeError):
        return 0


def remove_containers(host: str, label: str) -> int:
    """Remove containers that have a label, but not their data; return their number."""
    query = quote(json.dumps({"label": [label]}))
    return _each(host, f"/containers/json?all=1&filters={query}", "Id", "/containers/{}?force=1")


def remove(host: str, wanted: Sequence[str], *, volumes: bool = True) -> dict[str, int]:
    """Remove containers, then networks and, unless they are to stay, volumes that have one of the labels.

    Returns:
        The number of each that were removed.
    """
    counts = {"containers": 0, "networks": 0, "volumes": 0}
    for label in wanted:
        query = quote(json.dumps({"label": [label]}))
        counts["containers"] += _each(
            host, f"/containers/json?all=1&filters={query}", "Id", f"/containers/{{}}?force=1&v={int(volumes)}"
        )
        counts["networks"] += _each(host, f"/networks?filters={query}", "Id", "/networks/{}")
        if volumes:
            counts["volumes"] += _each(host, f"/volumes?filters={query}", "Name", "/volumes/{}?force=1")
    return {what: count for what, count in counts.items() if count}


def _each(host: str, listing: str, key: str, path: str) -> int:
    """Remove each thing of a listing; it is not an error if one is gone meanwhile, or if the daemon ends."""
    removed = 0
    try:
        found = docker_api.request(host, "GET", listing)
        things = (found.get("Volumes") if isinstance(found, dict) else found) or []
        for subject in things:
            docker_api.request(host, "DELETE", path.format(subject[key]), seconds=60.0)
            removed += 1
    except (OSError, ValueError, KeyError, TypeError):
        return removed
    return removed
