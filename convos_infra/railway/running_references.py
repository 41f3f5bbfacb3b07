"""The current values of a service's references, for the comparison with its deployment. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from convos_infra.railway.environment_config import live_variables
from convos_infra.railway.provided_variables import NOT_READ, PRIVATE_NAME
from convos_infra.railway.referable import Declarations, live, updated
from convos_infra.railway.references import Resolved, has_references
from convos_infra.railway.resolution import reached, resolved

if TYPE_CHECKING:
    from convos_infra.railway.provided_variables import Addresses
    from convos_infra.railway.snapshot import Snapshot


def gives(
    snapshot: Snapshot, service_id: str, addresses: Addresses = NOT_READ, declarations: Declarations | None = None
) -> Mapping[str, Resolved]:
    """Return the value that each variable with references would have in a deployment now.

    Args:
        snapshot: the environment.
        service_id: the service.
        addresses: the addresses of the environment's services.
        declarations: what an update that is under way will have made by then.
    """
    stored = live_variables(snapshot.service(service_id) or {})
    names = [name for name, value in stored.items() if has_references(value)]
    if not names:
        return {}
    world = live(snapshot, addresses)
    if declarations is not None:
        world = updated(world, declarations, snapshot)
    now = _name_now(snapshot, service_id, declarations or Declarations())
    return {name: resolved(world, now, name) for name in names}


def addressed_by(snapshot: Snapshot, service_id: str, declarations: Declarations) -> set[str]:
    """Return the ids of the services whose private domains a service's variables refer to.

    Args:
        snapshot: the environment, as it will be stored.
        service_id: whose variables.
        declarations: what an update that is under way will have made by then.
    """
    world, own = updated(live(snapshot), declarations, snapshot), _name_now(snapshot, service_id, declarations)
    values = live_variables(snapshot.service(service_id) or {})
    places = {place for name, value in values.items() if has_references(value) for place in reached(world, own, name)}
    names = {place.owner for place in places if place.name == PRIVATE_NAME}
    names |= {row.was for name, row in declarations.services.items() if name in names and row.was}
    return {id_ for id_ in snapshot.instances if snapshot.name_of(id_) in names}


def _name_now(snapshot: Snapshot, service_id: str, declarations: Declarations) -> str:
    own = snapshot.name_of(service_id)
    return next((name for name, row in declarations.services.items() if row.was == own), own)
