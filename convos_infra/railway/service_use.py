"""Which environments of a project have its services; deletes those of the stack that none has any more.

Whether a service goes with its last instance is disputed (fact: scoped-delete-keeps-service). One that stays counts
towards the limit of its project (fact: services-per-project), and nobody else can have its name.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.railway import pending
from convos_infra.railway.commit import REFUSED, together
from convos_infra.railway.listing import ENVIRONMENT_USE, SERVICES, SERVICES_HERE, completed, nodes
from railway_api import documents
from railway_api.errors import RailwayError
from railway_api.failure import Failure

if TYPE_CHECKING:
    from convos_infra.railway.session import Session
    from convos_infra.railway.snapshot import Snapshot
    from railway_api.client import Client

IN_A_CALL = 20
"""The services per document: Railway deletes them one after the other, within the time of one answer."""


@dataclass(frozen=True)
class ServiceUse:
    """The services of a project, and where they are.

    Attributes:
        names: every living service of the project, id -> name.
        environments: the names of the environments that have an instance of a service, by the service's id.
        here: the ids of the services of the requested environment.
        hidden: the names of the environments whose services the token does not see.
    """

    names: Mapping[str, str]
    environments: Mapping[str, Sequence[str]]
    here: frozenset[str]
    hidden: Sequence[str]

    def why_kept(self, service_id: str) -> str:
        """Return why a service must not be deleted from the project; empty if no environment can have it."""
        if users := self.environments.get(service_id):
            return f"{together(users)} {'has' if len(users) == 1 else 'have'} it"
        return f"the token does not see what {together(self.hidden)} has" if self.hidden else ""


def read(client: Client, where: Mapping[str, Any], *, subject: str) -> ServiceUse:
    """Return the use of all services of a project: one call for each 500 services, environments and instances.

    Args:
        client: asks Railway.
        where: the ids of the project and of an environment of it.
        subject: the subject of errors.

    Raises:
        RailwayError: it could not be read.
        InfraError: the answer lacks the project or the environment, so it proves nothing.
    """
    project_id, environment_id = str(where["projectId"]), str(where["environmentId"])
    project = client.query(documents.SERVICE_USE, {"id": project_id}, subject=subject).get("project")
    whole = completed(client, project or {}, project_id, ENVIRONMENT_USE, SERVICES, subject=subject)
    living = [row for row in nodes(whole["environments"]) if _lives(client, row)]
    if environment_id not in {row["id"] for row in living}:
        raise InfraError(subject, "Railway's list of environments is not complete", "try again in a minute")
    found: dict[str, list[str]] = {}
    here = frozenset[str]()
    for row in living:
        listed = completed(client, row, row["id"], SERVICES_HERE, subject=subject)
        ids = frozenset(str(instance["serviceId"]) for instance in nodes(listed["serviceInstances"]))
        here |= ids if row["id"] == environment_id else frozenset()
        for id_ in ids:
            found.setdefault(id_, []).append(_name(row))
    return ServiceUse(
        names={row["id"]: row["name"] for row in nodes(whole["services"]) if not row.get("deletedAt")},
        environments=found,
        here=here,
        hidden=[_name(row) for row in living if not row.get("canAccess") or row.get("serviceInstances") is None],
    )


def delete_unused(session: Session, where: Mapping[str, Any], services: Mapping[str, str]) -> None:
    """Delete what is left in the project of services that were removed from an environment, unless another has them.

    What is kept is reported in one line. Railway has no conditional deletion: an instance that is created between the
    read and the deletion is deleted with its service.

    Args:
        session: reads and sends.
        where: the ids of the project and of the environment.
        services: the services, id -> name. All are this stack's, and were removed from the environment.

    Raises:
        RailwayError: the deletion could not be sent, or its outcome is not known.
    """
    if not services:
        return
    session.run.cleared.update(services)
    if session.client.is_project_token:
        _say_kept(session, services.values(), "a project token does not see whether another environment has it")
        return
    use = _read_without(session, where, services)
    if use is None:
        return
    kept: dict[str, list[str]] = {}
    for id_ in services:
        if id_ in use.names and (why := use.why_kept(id_)):
            kept.setdefault(why, []).append(use.names[id_])
    for why, names in kept.items():
        _say_kept(session, names, why)
    unused = [id_ for id_ in services if id_ in use.names and not use.why_kept(id_)]
    for start in range(0, len(unused), IN_A_CALL):
        _delete(session, where, {id_: use.names[id_] for id_ in unused[start : start + IN_A_CALL]})


def delete_lost(session: Session, snapshot: Snapshot) -> None:
    """Delete the rest of services that others removed from an environment, and that a refresh dropped from the state.

    The destroy gate has reported their ids; arguments and errors are those of `delete_unused`.
    """
    lost = session.run.own_services.intersection(snapshot.project_services) - {*snapshot.instances}
    named = {id_: snapshot.project_services[id_] for id_ in sorted(lost - session.run.cleared)}
    delete_unused(session, {"projectId": snapshot.project_id, "environmentId": snapshot.environment_id}, named)


def _read_without(session: Session, where: Mapping[str, Any], services: Mapping[str, str]) -> ServiceUse | None:
    """Return the use once it shows their removal (fact: read-lag), or after a while; None if it cannot be read."""
    reads: list[ServiceUse] = []

    def without() -> bool | None:
        reads.append(read(session.client, where, subject=together(list(services.values()))))
        return None if reads[-1].here.intersection(services) else True

    try:
        session.until(without)
    except Failure as error:
        _say_kept(session, services.values(), f"which environments have it is not known: {error.problem}")
        return None
    return reads[-1]


def _delete(session: Session, where: Mapping[str, Any], services: Mapping[str, str]) -> None:
    """Delete services by one call; if Railway refuses it, in halves, so that one of them does not block the others."""
    if not services:
        return
    subject = together(list(services.values()))
    left = functools.partial(_still_unused, session.client, where, services, subject)
    given = {f"s{number}": id_ for number, id_ in enumerate(services)}
    try:
        session.client.mutate(
            documents.unscoped_deletions(len(services)),
            given,
            subject=subject,
            observe=lambda: None if left() else True,
        )
    except RailwayError as error:
        if not isinstance(error, REFUSED):
            raise
        rest = list(left())
        if len(services) == 1:
            _say_kept(session, [services[id_] for id_ in rest], f"Railway does not delete it: {error.problem}")
            return
        half = (len(rest) + 1) // 2
        for ids in (rest[:half], rest[half:]):
            _delete(session, where, {id_: services[id_] for id_ in ids})


def _still_unused(client: Client, where: Mapping[str, Any], services: Collection[str], subject: str) -> Collection[str]:
    """Return those that are still in the project, and that no environment has."""
    use = read(client, where, subject=subject)
    return [id_ for id_ in services if id_ in use.names and not use.why_kept(id_)]


def _lives(client: Client, row: Mapping[str, Any]) -> bool:
    return not row.get("deletedAt") or bool(pending.scheduled(row, client.now()))


def _name(row: Mapping[str, Any]) -> str:
    return f"environment {row.get('name') or row['id']}"


def _say_kept(session: Session, names: Collection[str], why: str) -> None:
    if names:
        session.client.progress(f"the project keeps {together(list(names))}: {why}")
