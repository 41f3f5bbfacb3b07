"""Containers and networks of ours in a Docker that is not ours: found by their labels, never by a name's shape."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from ops.toolchain import docker_api

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ops.local.layout import Layout


def labels(layout: Layout) -> tuple[str, ...]:
    """Return the labels that only things of this checkout carry: our own, and the emulator's."""
    return (f"convos.checkout={layout.short_name}", emulator_label(layout))


def emulator_label(layout: Layout) -> str:
    """Return the label of what the emulator of this checkout made."""
    return f"convos.emulator.data={layout.root / 'emulator'}"


def remove_containers(host: str, label: str) -> int:
    """Remove containers that carry a label, and nothing that holds their data; return how many."""
    query = quote(json.dumps({"label": [label]}))
    return _each(host, f"/containers/json?all=1&filters={query}", "Id", "/containers/{}?force=1")


def remove(host: str, wanted: Sequence[str]) -> dict[str, int]:
    """Remove containers, then networks and volumes, that carry one of the labels; return how many of each."""
    counts = {"containers": 0, "networks": 0, "volumes": 0}
    for label in wanted:
        query = quote(json.dumps({"label": [label]}))
        counts["containers"] += _each(
            host, f"/containers/json?all=1&filters={query}", "Id", "/containers/{}?force=1&v=1"
        )
        counts["networks"] += _each(host, f"/networks?filters={query}", "Id", "/networks/{}")
        counts["volumes"] += _each(host, f"/volumes?filters={query}", "Name", "/volumes/{}?force=1")
    return {what: count for what, count in counts.items() if count}


def _each(host: str, listing: str, key: str, path: str) -> int:
    """Remove each thing of a listing; one that is gone meanwhile, or a daemon that goes, is no error here."""
    removed = 0
    try:
        found = docker_api.request(host, "GET", listing)
        things = (found.get("Volumes") if isinstance(found, dict) else found) or []
        for thing in things:
            docker_api.request(host, "DELETE", path.format(thing[key]), seconds=60.0)
            removed += 1
    except (OSError, ValueError, KeyError, TypeError):
        return removed
    return removed
