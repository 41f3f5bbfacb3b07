"""The table at the end: what runs where, from the stack's outputs and the services; parts may be missing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ops.local.services import Services

Row = tuple[str, str, str]
_STATES = ("claimed", "starting", "released", "sleeping", "crashed", "dead", "unfinished")
HEAD: Row = ("what", "where", "runs")


def rows(outputs: Mapping[str, Any], services: Services, agents: Mapping[str, int] | None = None) -> list[Row]:
    """Return the table's rows; unknown values are left out.

    Args:
        outputs: the stack's outputs.
        services: the running services.
        agents: the number of agents in each state, as the pool manager counts them.
    """
    image, database = _part(outputs, "image"), _part(outputs, "database")
    found = [
        _service_row("pool manager", _part(outputs, "poolManager"), ""),
        _service_row("canary", _part(outputs, "canary"), str(image.get("tag") or "")),
    ]
    if agents is not None:
        found.insert(1, ("agents", "/api/pool/status", counted(agents)))
    elif _part(outputs, "poolManager").get("mode") == "simulated":
        found.insert(1, ("agents", "-", "none: without Docker no pool manager runs that would make them"))
    if database:
        schema = f"schema {database['schemaVersion']}" if database.get("schemaVersion") else "no schema yet"
        found.append(("database", masked(str(database.get("url") or database.get("host") or "-")), schema))
    emulator, registry = services.by_name.get("emulator"), services.by_name.get("registry")
    if emulator is not None:
        found.append(("Railway", f"http://{emulator.address}", "emulator"))
    if registry is not None:
        found.append(("registry", f"http://{registry.address}", f"images ({registry.way})"))
    return [row for row in found if row is not None]


def lines(table: Sequence[Row]) -> list[str]:
    """Return the table as lines with a header, each column as wide as its widest cell."""
    whole = [HEAD, *table]
    widths = [max(len(row[i]) for row in whole) for i in range(2)]
    return [f"  {row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}".rstrip() for row in whole]


def counted(agents: Mapping[str, int]) -> str:
    """Return how many agents are warm, and how many in which other state."""
    others = [f"{agents[state]} {state}" for state in _STATES if agents.get(state)]
    return ", ".join([f"{agents.get('idle', 0)} warm", *others])


def masked(url: str) -> str:
    """Return a URL without its password: the local one is not valuable, but tables get pasted into chats."""
    return re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:…@", url)


def short_image(reference: str) -> str:
    """Return an image as `name @ sha256:12345678`: the host of the registry is left out."""
    name, _, digest = reference.partition("@")
    last = name.rpartition("/")[2]
    return f"{last.partition(':')[0]} @ {digest[:15]}" if digest else last


def _service_row(what: str, part: Mapping[str, Any], tag: str) -> Row | None:
    if not part:
        return None
    runs = short_image(str(part.get("image") or "")) or "-"
    mode = str(part.get("mode") or "")
    notes = [note for note in (tag, f"{mode} run" if mode == "simulated" else "") if note]
    return what, str(part.get("url") or "-"), runs + (f" ({', '.join(notes)})" if notes else "")


def _part(outputs: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = outputs.get(name)
    return part if isinstance(part, Mapping) else {}
