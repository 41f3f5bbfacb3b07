"""Compares an environment with what a stack declares: things of others, and services under another name. Pure.

An update changes none of this: things of others are only reported, and a name is restored by the service's own
resource. An empty inventory means that the environment has exactly what the stack declares.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convos_infra.railway.running import Condition, condition_of
from pool_contract.service_names import agents_in

if TYPE_CHECKING:
    from convos_infra.railway.snapshot import Snapshot


@dataclass(frozen=True)
class Renamed:
    """A service whose name differs from the declared one; references to the declared name have no target."""

    declared: str
    live: str


@dataclass(frozen=True)
class Stranger:
    """A service that the stack does not declare, and its condition."""

    name: str
    condition: Condition


@dataclass(frozen=True)
class Inventory:
    """The differences between an environment and a stack.

    Attributes:
        renamed: services of the stack under another name.
        missing: services of the stack that are not in the environment, by their declared names.
        strangers: services of others.
        volumes: volumes of others, by name.
        pending: deleted volumes that can still be restored, by name, with the time at which their data is deleted.
    """

    renamed: tuple[Renamed, ...] = ()
    missing: tuple[str, ...] = ()
    strangers: tuple[Stranger, ...] = ()
    volumes: tuple[str, ...] = ()
    pending: tuple[tuple[str, str], ...] = ()


def inventory(
    snapshot: Snapshot, services: Mapping[str, str], volumes: Collection[str], *, prefix: str = ""
) -> Inventory:
    """Compare an environment with what a stack declares.

    Args:
        snapshot: the environment.
        services: the stack's services: id -> declared name.
        volumes: the ids of the stack's volumes.
        prefix: the prefix of agents' services, which the pool manager makes and deletes; empty if there are none.
    """
    rows = snapshot.instances.items()
    live = {id_: snapshot.project_services.get(id_, str(row.get("serviceName") or "")) for id_, row in rows}
    here = {id_: name for id_, name in live.items() if id_ in services}
    agents = agents_in(live, services, prefix)
    others = {id_: name for id_, name in live.items() if id_ not in services and id_ not in agents}
    return Inventory(
        renamed=tuple(Renamed(services[id_], name) for id_, name in sorted(here.items()) if name != services[id_]),
        missing=tuple(sorted(name for id_, name in services.items() if id_ not in here)),
        strangers=tuple(
            Stranger(name, _condition(snapshot, id_))
            for id_, name in sorted(others.items(), key=lambda item: (item[1], item[0]))
        ),
        volumes=tuple(
            sorted(
                _volume_name(snapshot, row["volumeId"])
                for row in snapshot.volume_instances
                if row["volumeId"] not in volumes and row.get("serviceId") not in agents
            )
        ),
        pending=tuple(
            sorted(
                (_volume_name(snapshot, row["volumeId"]), str(row.get("deletedAt") or ""))
                for row in snapshot.pending_volumes
            )
        ),
    )


def _condition(snapshot: Snapshot, service_id: str) -> Condition:
    return condition_of(
        snapshot.service(service_id) or {},
        snapshot.latest_deployment(service_id),
        snapshot.serving_deployment(service_id),
    )


def _volume_name(snapshot: Snapshot, volume_id: str) -> str:
    return str((snapshot.volumes.get(volume_id) or {}).get("name") or volume_id)
