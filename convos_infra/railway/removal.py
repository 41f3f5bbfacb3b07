"""Removes services from one environment: those that wait while another removal is under way leave in one patch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convos_infra.railway.commit import by_halves, together
from convos_infra.railway.snapshot import Gone
from railway_api import documents
from railway_api.errors import RailwayError
from railway_api.failure import Failure

if TYPE_CHECKING:
    from convos_infra.railway.session import Session


@dataclass(eq=False)
class Removal:
    """A service that is to be removed from its environment.

    Attributes:
        props: names it and its place.
        service_id: its id.
        is_fork: whether its environment is one.
        problem: what went wrong.
    """

    props: Mapping[str, Any] = field(repr=False)
    service_id: str
    is_fork: bool
    problem: Exception | None = None

    @property
    def name(self) -> str:
        """The service's name."""
        return str(self.props["name"])


def remove(session: Session, removal: Removal) -> None:
    """Remove a service.

    Raises:
        RailwayError: Railway does not do it.
    """
    session.group(remove_all, str(removal.props["environmentId"])).join(removal)
    if removal.problem is not None:
        raise removal.problem


def remove_all(session: Session, removals: Sequence[Removal]) -> None:
    """Remove several services of one environment, and tell each what came of it."""
    with session.snapshots.writing(str(removals[0].props["environmentId"])):
        try:
            problems = _sent(session, removals)
        except Exception as error:  # noqa: BLE001  # everybody in the turn has to hear of it
            problems = [error.about(one.name) if isinstance(error, Failure) else error for one in removals]
    for removal, problem in zip(removals, problems, strict=True):
        removal.problem = problem


def _sent(session: Session, removals: Sequence[Removal]) -> list[Exception | None]:
    first, names = removals[0], [one.name for one in removals]
    environment_id = first.props["environmentId"]
    if first.is_fork and len(removals) == 1:
        document = documents.SERVICE_DELETE
        variables = {"id": first.service_id, "environmentId": environment_id}
    else:
        # In an environment that is not a fork, serviceDelete reaches all of those (fact: service-delete-scope).
        document = documents.PATCH_COMMIT
        patch = {"services": {one.service_id: {"isDeleted": True} for one in removals}}
        message = f"{together(names)}: removed"[:200]
        variables = {"environmentId": environment_id, "patch": patch, "message": message}

    def seen() -> bool | None:
        try:
            now = session.read(first.props, thing=first.name, fresh=True)
        except Gone:
            return True
        return True if all(one.service_id not in now.instances for one in removals) else None

    try:
        session.client.mutate(document, variables, thing=together(names), observe=seen)
    except RailwayError as error:
        return by_halves(removals, names, error, lambda some: _sent(session, some))
    return [None for _ in removals]
