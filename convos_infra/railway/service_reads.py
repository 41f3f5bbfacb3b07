"""Reads some services of an environment instead of all of it, so that reading back costs no more than the change.

Railway returns the config of an environment in one piece, so it is read as a whole. Deployments and domains, which are
the larger part, are read only for the named services.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from convos_infra.railway import takeover
from convos_infra.railway.details import IN_A_CALL
from convos_infra.railway.listing import SERVICES_HERE, completed, nodes
from railway_api import documents
from railway_api.errors import NotAuthorized, NotFound, Opaque

if TYPE_CHECKING:
    from convos_infra.railway.session import Session
    from convos_infra.railway.snapshot import Snapshot
    from railway_api.client import Client

Props = Mapping[str, Any]
REST_SECONDS = 60.0
"""The age, in seconds, that data about other services may have while some are changed: it is not compared."""


class _Incomplete(Exception):
    """The answer lacks something: only a read of the whole environment tells why."""


def read_services(session: Session, props: Props, services: Collection[str], *, subject: str) -> Snapshot:
    """Return an environment with the current state of some services.

    Args:
        session: reads.
        props: `projectId` and `environmentId`.
        services: the ids of the services.
        subject: the subject of errors.

    Raises:
        InfraError: the environment is gone, or another stack manages it.
        RailwayError: it could not be read.
    """
    ids = sorted(services)

    def change(known: Snapshot) -> Snapshot:
        return _read(session.client, known, ids, subject)

    found = None
    if len(ids) <= IN_A_CALL:
        try:
            found = session.snapshots.amend(str(props["environmentId"]), change, age=REST_SECONDS)
        except (NotAuthorized, NotFound, Opaque, _Incomplete):
            # A missing service makes the whole answer fail, and so does a missing environment.
            found = None
    if found is None:
        return session.living(props, subject=subject, fresh=True)
    takeover.refuse_others(found, session.run.stacks)
    return found


def services_here(session: Session, props: Props, *, subject: str) -> frozenset[str]:
    """Return the ids of the services that have an instance in an environment.

    Raises:
        InfraError: the environment is gone.
        RailwayError: it could not be read.
    """
    environment_id = str(props["environmentId"])
    try:
        found = session.client.query(documents.SERVICES_HERE, {"id": environment_id}, subject=subject).get(
            "environment"
        )
    except (NotAuthorized, NotFound, Opaque):
        found = None
    if not found or found.get("deletedAt"):
        return frozenset(session.living(props, subject=subject, fresh=True).instances)
    listed = completed(session.client, found, environment_id, SERVICES_HERE, subject=subject)
    return frozenset(str(row["serviceId"]) for row in nodes(listed.get("serviceInstances")))


def note_made(session: Session, props: Props, service_id: str, made_at: str) -> None:
    """Record a service that this process has made in an environment, and that is still empty.

    Args:
        session: knows the environment.
        props: the service's name and its place.
        service_id: its id.
        made_at: when it was made, as Railway says.
    """

    def change(known: Snapshot) -> Snapshot:
        row = {"serviceId": service_id, "serviceName": props["name"]}
        return replace(
            known,
            instances={service_id: row, **known.instances},
            project_services={**known.project_services, service_id: str(props["name"])},
            made_at={service_id: made_at, **known.made_at},
        )

    session.made.add(service_id)
    session.snapshots.amend(str(props["environmentId"]), change)


def _read(client: Client, known: Snapshot, services: list[str], subject: str) -> Snapshot:
    given = {"environmentId": known.environment_id, **{f"s{number}": id_ for number, id_ in enumerate(services)}}
    answer = client.query(documents.services_now(len(services)), given, subject=subject)
    environment = answer.get("environment") or {}
    rows = {id_: answer.get(f"s{number}") for number, id_ in enumerate(services)}
    if environment.get("deletedAt") or not isinstance(environment.get("config"), Mapping) or not all(rows.values()):
        raise _Incomplete
    instances = {**known.instances, **{id_: row for id_, row in rows.items() if row}}
    names = {id_: str(row["serviceName"]) for id_, row in rows.items() if row}
    return replace(
        known,
        name=str(environment.get("name") or ""),
        config=environment["config"],
        instances=instances,
        project_services={**known.project_services, **names},
    )
