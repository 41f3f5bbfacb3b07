"""Removes services from one environment; services that are removed at the same time share the calls.

In a fork, several `serviceDelete` share one document (fact: mutations-of-one-document). In any other environment,
`serviceDelete` reaches all environments that are not forks (fact: service-delete-scope), so there the services share a
patch. The rest of them in the project is deleted once no environment has them (service_use.py).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convos_infra.railway.commit import REFUSED, together
from convos_infra.railway.service_use import IN_A_CALL, delete_unused
from convos_infra.railway.snapshot import Gone, Snapshot
from railway_api import documents
from railway_api.errors import RailwayError
from railway_api.failure import about

if TYPE_CHECKING:
    from convos_infra.railway.session import Session


@dataclass(eq=False)
class Removal:
    """A service that is to be removed from its environment.

    Attributes:
        props: its name and its place.
        service_id: its id.
        stays: tells whether it is kept; raises if the whole destroy must stop.
        problem: the error, if there was one.
    """

    props: Mapping[str, Any] = field(repr=False)
    service_id: str
    stays: Callable[[Snapshot], bool] = field(repr=False)
    problem: Exception | None = None

    @property
    def name(self) -> str:
        """The service's name."""
        return str(self.props["name"])


def remove(session: Session, removal: Removal) -> None:
    """Remove a service, unless it is gone already or is kept.

    Raises:
        RailwayError: Railway refuses.
        InfraError: it must not be removed.
    """
    session.group(remove_all, str(removal.props["environmentId"])).join(removal, removal.name)
    if removal.problem is not None:
        raise removal.problem


def remove_all(session: Session, removals: Sequence[Removal]) -> None:
    """Remove several services from one environment, and set the outcome of each."""
    first = removals[0]
    with session.snapshots.writing(str(first.props["environmentId"])):
        try:
            snapshot = session.read(first.props, subject=first.name, fresh=True)
            going = [one for one in removals if one.service_id in snapshot.project_services or _is_here(one, snapshot)]
            going = [one for one in going if not _stays(one, snapshot)]
            present = [one for one in going if _is_here(one, snapshot)]
            parts = _parts(present) if snapshot.is_fork else [present]
            for part in parts:
                _send(session, part, is_fork=snapshot.is_fork)
            _clear(session, snapshot, [one for one in going if one.problem is None])
        except Gone:
            return
        except Exception as error:  # noqa: BLE001  # every member of the turn gets it
            for one in removals:
                one.problem = about(error, one.name)


def _is_here(removal: Removal, snapshot: Snapshot) -> bool:
    return removal.service_id in snapshot.instances


def _clear(session: Session, snapshot: Snapshot, removed: Sequence[Removal]) -> None:
    """Delete the rest of removed services in the project, also if somebody else removed them from the environment."""
    named = {one.service_id: snapshot.project_services.get(one.service_id, one.name) for one in removed}
    try:
        delete_unused(session, {"projectId": snapshot.project_id, "environmentId": snapshot.environment_id}, named)
    except Exception as error:  # noqa: BLE001  # the next destroy or update continues here
        for one in removed:
            one.problem = about(error, one.name)


def _stays(removal: Removal, snapshot: Snapshot) -> bool:
    try:
        return removal.stays(snapshot)
    except Exception as error:  # noqa: BLE001  # it is raised where this service's removal is waited for
        removal.problem = error
        return True


def _parts(removals: Sequence[Removal]) -> list[Sequence[Removal]]:
    return [removals[start : start + IN_A_CALL] for start in range(0, len(removals), IN_A_CALL)]


def _send(session: Session, removals: Sequence[Removal], *, is_fork: bool) -> None:
    """Remove them by one call; if Railway refuses it, in halves, so that one of them does not block the others."""
    if not removals:
        return
    names = [one.name for one in removals]
    environment_id = removals[0].props["environmentId"]
    variables: dict[str, Any]
    if is_fork:
        document = documents.service_deletions(len(removals))
        variables = {f"s{number}": one.service_id for number, one in enumerate(removals)}
    else:
        document = documents.PATCH_COMMIT
        patch = {"services": {one.service_id: {"isDeleted": True} for one in removals}}
        variables = {"patch": patch, "message": f"{together(names)}: removed"[:200]}
    variables["environmentId"] = environment_id
    seen = functools.partial(_are_gone, session, removals)
    try:
        session.client.mutate(document, variables, subject=together(names), observe=seen)
    except RailwayError as error:
        left = _left(session, removals) if isinstance(error, REFUSED) else removals
        if len(removals) == 1 or not isinstance(error, REFUSED):
            for one in left:
                one.problem = error.about(one.name)
            return
        half = (len(left) + 1) // 2
        for part in (left[:half], left[half:]):
            _send(session, part, is_fork=is_fork)


def _left(session: Session, removals: Sequence[Removal]) -> Sequence[Removal]:
    """Return those that still exist: some of a refused call may have been removed."""
    first = removals[0]
    try:
        now = session.read(first.props, subject=first.name, fresh=True)
    except Gone:
        return []
    return [one for one in removals if one.service_id in now.instances]


def _are_gone(session: Session, removals: Sequence[Removal]) -> bool | None:
    return None if _left(session, removals) else True
