"""Lists the changes that are staged in an environment but not deployed, by name; never a value. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.railway.environment_config import VARIABLES

if TYPE_CHECKING:
    from ops.adopt.live import Live

_SERVICES, _SHARED = "services", "sharedVariables"
NEXT_STEP = "staged changes: apply or discard them on Railway; otherwise the next deployment there applies them"


def staged_changes(live: Live) -> Iterator[str]:
    """Yield the staged changes: for each service its variables and attributes, then the shared variables."""
    services = [(live.snapshot.name_of(id_) or id_, part) for id_, part in _parts(live.staged.get(_SERVICES))]
    for name, part in sorted(services, key=lambda row: row[0]):
        if not isinstance(part, Mapping) or part.get("isDeleted"):
            yield f"{name}: the service is removed"
        else:
            yield from (f"{name}: {what}" for what in _named(part))
    yield from (f"shared {what}" for what in _variables(live.staged.get(_SHARED)))
    for section, part in live.staged.items():
        if section not in (_SERVICES, _SHARED) and part:
            yield from (f"{section} {id_}" for id_, _ in _parts(part))


def _named(service: Mapping[str, Any]) -> Iterator[str]:
    yield from _variables(service.get(VARIABLES))
    for section, part in service.items():
        if section != VARIABLES and isinstance(part, Mapping):
            yield from (f"{section}.{name}" for name, _ in _parts(part))
        elif section != VARIABLES:
            yield section


def _variables(part: object) -> Iterator[str]:
    for name, entry in _parts(part):
        yield f"variable {name}" if entry is not None else f"variable {name} (removed)"


def _parts(part: object) -> list[tuple[str, Any]]:
    return (
        sorted(((str(name), value) for name, value in part.items()), key=lambda row: row[0])
        if isinstance(part, Mapping)
        else []
    )
