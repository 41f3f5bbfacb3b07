"""Removes services from one environment.

In a fork by `serviceDelete`, which also deletes the project's service once no environment has it, several side by side.
In any other environment `serviceDelete` reaches all of those (fact: service-delete-scope): there the services that wait
for a patch share one, and the project keeps them.
"""

from __future__ import annotations

import functools
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
        props: its name and its place.
        service_id: its id.
        problem: the error, if there was one.
    """

    props: Mapping[str, Any] = field(repr=False)
    service_id: str
    problem: Exception | None = None

    @property
    def name(self) -> str:
        """The service's name."""
        return str(self.props["name"])


def remove(session: Session, removal: Removal, *, is_fork: bool) -> None:
    """Remove a service.

    Args:
        session: sends and reads.
        removal: the service.
        is_fork: whether its environment is a fork.

    Raises:
        RailwayError: Railway refuses.
    """
    environment_id = str(removal.props["environmentId"])
    if is_fork:
        variables = {"id": removal.service_id, "environmentId": environment_id}
        seen = functools.partial(_are_gone, session, [removal])
        with session.snapshots.making(environment_id):
            session.client.mutate(documents.SERVICE_DELETE, variables, thing=removal.name, observe=seen)
        return
    session.group(remove_all, environment_id).join(removal)
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
    patch = {"services": {one.service_id: {"isDeleted": True} for one in removals}}
    variables = {"environmentId": environment_id, "patch": patch, "message": f"{together(names)}: removed"[:200]}
    seen = functools.partial(_are_gone, session, removals)
    try:
        session.client.mutate(documents.PATCH_COMMIT, variables, thing=together(names), observe=seen)
    except RailwayError as error:
        return by_halves(removals, names, error, lambda some: _sent(session, some))
    return [None for _ in removals]


def _are_gone(session: Session, removals: Sequence[Removal]) -> bool | None:
    first = removals[0]
    try:
        now = session.read(first.props, thing=first.name, fresh=True)
    except Gone:
        return True
    return True if all(one.service_id not in now.instances for one in removals) else None
