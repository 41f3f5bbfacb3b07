"""Removes services from one environment; those that go at the same moment share the calls.

In a fork by `serviceDelete`, several in one document (fact: mutations-of-one-document); whether the project's service
goes with its last instance is disputed (fact: scoped-delete-keeps-service). In any other environment `serviceDelete`
reaches all of those (fact: service-delete-scope): there they share a patch, and the project keeps them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convos_infra.railway.commit import REFUSED, together
from convos_infra.railway.snapshot import Gone, Snapshot
from railway_api import documents
from railway_api.errors import RailwayError
from railway_api.failure import about

if TYPE_CHECKING:
    from convos_infra.railway.session import Session

_IN_A_CALL = 20
"""The services per document: Railway deletes them one after the other, within the time of one answer."""


@dataclass(eq=False)
class Removal:
    """A service that is to be removed from its environment.

    Attributes:
        props: its name and its place.
        service_id: its id.
        stays: tells whether it is left where it is; raises if the whole destroy must not go on.
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
    """Remove a service, unless it is gone already or stays.

    Raises:
        RailwayError: Railway refuses.
        InfraError: it must not be removed.
    """
    session.group(remove_all, str(removal.props["environmentId"])).join(removal, removal.name)
    if removal.problem is not None:
        raise removal.problem


def remove_all(session: Session, removals: Sequence[Removal]) -> None:
    """Remove several services of one environment, and tell each what came of it."""
    first = removals[0]
    with session.snapshots.writing(str(first.props["environmentId"])):
        try:
            snapshot = session.read(first.props, subject=first.name, fresh=True)
            doomed = [one for one in removals if one.service_id in snapshot.instances and not _stays(one, snapshot)]
            parts = _parts(doomed) if snapshot.is_fork else [doomed]
            for part in parts:
                _send(session, part, is_fork=snapshot.is_fork)
        except Gone:
            return
        except Exception as error:  # noqa: BLE001  # everybody in the turn has to hear of it
            for one in removals:
                one.problem = about(error, one.name)


def _stays(removal: Removal, snapshot: Snapshot) -> bool:
    try:
        return removal.stays(snapshot)
    except Exception as error:  # noqa: BLE001  # it is raised where this service's removal is waited for
        removal.problem = error
        return True


def _parts(removals: Sequence[Removal]) -> list[Sequence[Removal]]:
    return [removals[start : start + _IN_A_CALL] for start in range(0, len(removals), _IN_A_CALL)]


def _send(session: Session, removals: Sequence[Removal], *, is_fork: bool) -> None:
    """Remove them by one call; where Railway refuses it, by halves, so that one of them does not keep the others."""
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
    """Return those that are still there: of several that were refused together some may be gone."""
    first = removals[0]
    try:
        now = session.read(first.props, subject=first.name, fresh=True)
    except Gone:
        return []
    return [one for one in removals if one.service_id in now.instances]


def _are_gone(session: Session, removals: Sequence[Removal]) -> bool | None:
    return None if _left(session, removals) else True
