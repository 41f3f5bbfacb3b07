"""Finds what is left on Railway of the stacks of pull requests, by the ids in their states.

That a name is missing in a list proves nothing: a token of another workspace sees neither the project nor what is left
in it (fact: not-authorized-is-ambiguous). Therefore each project is read by its id, and a project that cannot be read
is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convos_infra.railway.absence import project_is_gone
from ops.status import railway_view
from railway_api.errors import NotAuthorized, NotFound

if TYPE_CHECKING:
    from ops.status.recorded import Recorded
    from railway_api.client import Client


@dataclass(frozen=True)
class Place:
    """Where a stack is on Railway.

    Attributes:
        stack: its name.
        project_id, environment_id: from its state; the environment is empty if the first update was interrupted.
    """

    stack: str
    project_id: str
    environment_id: str = ""


def place_of(stack: str, state: Recorded) -> Place | None:
    """Return where a stack is, from its state; None if it has nothing on Railway."""
    for row in state.of("Environment"):
        return Place(stack, str(row.values.get("projectId") or ""), row.id)
    for row in state.of("Project"):
        return Place(stack, row.id)
    return None


def environments(railway: Client, project_id: str) -> Mapping[str, str]:
    """Return the environments of a project, id -> name; empty if the project is known to have been deleted.

    Raises:
        InfraError: the token cannot see the project.
        RailwayError: the project cannot be read.
    """
    try:
        return railway_view.environments(railway, project_id)
    except (NotAuthorized, NotFound):
        if project_is_gone(railway, project_id, f"project {project_id}"):
            return {}
        raise


def left(railway: Client, place: Place) -> list[str]:
    """Return what is left of a stack after its destroy.

    Raises:
        InfraError, RailwayError: as for `environments`.
    """
    there = environments(railway, place.project_id)
    if place.environment_id not in there:
        return []
    return [f"environment {there[place.environment_id]} ({place.environment_id}) of stack {place.stack}"]
