"""What the references of a service give now, to be compared with what its deployment runs with. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from convos_infra.railway.environment_config import live_variables
from convos_infra.railway.referable import Declarations, live, updated
from convos_infra.railway.references import Resolved, has_references
from convos_infra.railway.resolution import resolved

if TYPE_CHECKING:
    from convos_infra.railway.provided_variables import Proxies
    from convos_infra.railway.snapshot import Snapshot


def gives(
    snapshot: Snapshot, service_id: str, proxies: Proxies | None = None, declarations: Declarations | None = None
) -> Mapping[str, Resolved]:
    """Return what each variable with references would give, were the service deployed now.

    Args:
        snapshot: the environment.
        service_id: whose variables.
        proxies: the TCP proxies by service id, where they were read.
        declarations: what an update that is under way will have made by then.
    """
    stored = live_variables(snapshot.service(service_id) or {})
    names = [name for name, value in stored.items() if has_references(value)]
    if not names:
        return {}
    world = live(snapshot, proxies)
    if declarations is not None:
        world = updated(world, declarations, snapshot)
    own = snapshot.name_of(service_id)
    now = next((name for name, row in (declarations or Declarations()).services.items() if row.was == own), own)
    return {name: resolved(world, now, name) for name in names}


def rendered(snapshot: Snapshot, service_id: str, name: str) -> str | None:
    """Return what a variable would be in a deployment now, or None where that cannot be told.

    It cannot where it is not there, or where a part of it is sealed or made by Railway in a way that it does not
    document.
    """
    stored = live_variables(snapshot.service(service_id) or {}).get(name)
    return resolved(live(snapshot), snapshot.name_of(service_id), name).text if stored is not None else None
