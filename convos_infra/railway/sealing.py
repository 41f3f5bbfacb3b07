"""Sealed variables: what the state knows about values that Railway never shows. Pure.

Sealing cannot be undone, and a sealed value is never shown (docs.railway.com/variables). A value is assumed to be the
recorded one only if it was sealed when this stack last wrote or took over the variable. If others have sealed it since,
nobody can tell which value they gave it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from convos_infra.railway.environment_config import SEALED, VARIABLES

Props = Mapping[str, Any]
Live = Mapping[str, str | None]
SEALED_LEFT = "sealedLeft"
"""An output: the names of the variables that were sealed after the last update."""
HIDDEN = "(sealed by others, Railway does not show its value)"
"""What a refresh records as the value of a variable that others have sealed."""


def by_others(recorded: Props, live: Live) -> list[str]:
    """Name the recorded variables that others have sealed since the last update.

    Args:
        recorded: the properties in the state; those of older releases do not say what was sealed, and name nothing.
        live: the variables as they are stored; None for a sealed value.
    """
    if SEALED_LEFT not in recorded:
        return []
    known = {*(recorded[SEALED_LEFT] or ()), *(recorded.get(SEALED) or ())}
    return sorted(name for name in recorded.get(VARIABLES) or {} if _is_sealed(name, live) and name not in known)


def is_unseen(recorded: Props, name: str, live: Live) -> bool:
    """Tell whether others have sealed a variable, and no refresh has recorded that."""
    return name in by_others(recorded, live) and (recorded.get(VARIABLES) or {}).get(name) != HIDDEN


def left_by(recorded: Props, wanted: Props, live: Live) -> list[str]:
    """Return the names that are sealed after an update: those that it wrote or took over, and those before it.

    Args:
        recorded: the properties in the state before the update; empty for a creation.
        wanted: its inputs.
        live: the variables as they are stored after it.
    """
    before, others = recorded.get(VARIABLES) or {}, set(by_others(recorded, live)) - set(wanted.get(SEALED) or ())
    return sorted(
        name
        for name, value in (wanted.get(VARIABLES) or {}).items()
        if _is_sealed(name, live) and (name not in others or before.get(name) != value)
    )


def read(recorded: Props, live: Live) -> dict[str, Any]:
    """Return the recorded variables as a refresh records them now, with the names that were sealed before it."""
    others = by_others(recorded, live)
    values = {
        name: HIDDEN if name in others else value if live[name] is None else live[name]
        for name, value in (recorded.get(VARIABLES) or {}).items()
        if name in live
    }
    before = recorded[SEALED_LEFT] if SEALED_LEFT in recorded else left_by({}, recorded, live)
    return {VARIABLES: values, SEALED_LEFT: list(before or ())}


def replaces_hidden(recorded: Props, wanted: Props, changed: Collection[str]) -> bool:
    """Tell whether an update writes a variable whose value others have sealed, as a refresh recorded it.

    Args:
        recorded: the properties in the state.
        wanted: its inputs.
        changed: the names of the variables that the update writes or removes.
    """
    before, after = recorded.get(VARIABLES) or {}, wanted.get(VARIABLES) or {}
    return any(before.get(name) == HIDDEN and name in after for name in changed)


def line(subject: str, names: list[str]) -> str:
    """Return the line that a refresh prints about variables that others have sealed."""
    return (
        f"{subject}: others have sealed {', '.join(names)}, so that it cannot be told whether they changed the value; "
        "the next pulumi up puts this stack's value back"
    )


def _is_sealed(name: str, live: Live) -> bool:
    return name in live and live[name] is None
