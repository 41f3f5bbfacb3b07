"""Which services of an environment still have a value, by what Railway stores of them. Pure; names alone leave it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convos_infra.railway.snapshot import Snapshot

SHORTEST = 8
"""A shorter value is found in places that have nothing to do with it."""


def holders(snapshot: Snapshot, old: str) -> list[tuple[str, str]]:
    """Return service and variable for each place that has the old value, or has it in a longer text such as a URL.

    A sealed variable cannot be read and is not found here.

    Args:
        snapshot: the environment.
        old: the value that must be gone; empty if it is not known.
    """
    if len(old) < SHORTEST:
        return []
    found = []
    for service_id in snapshot.instances:
        variables = (snapshot.service(service_id) or {}).get("variables") or {}
        name = snapshot.project_services.get(service_id, service_id)
        found += [(name, key) for key, row in variables.items() if old in str((row or {}).get("value") or "")]
    shared = snapshot.config.get("sharedVariables") or {}
    found += [("shared variables", key) for key, row in shared.items() if old in str((row or {}).get("value") or "")]
    return sorted(found)
