"""What is left of pull requests' stacks on Railway, asked by the ids that their states have.

A name that a list does not have proves nothing: a token of another workspace sees neither the project nor what is left
in it (fact: not-authorized-is-ambiguous). So each project is asked for by its id, and one that cannot be read is an
error, never an answer.
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
        project_id, environment_id: by its state; the environment is empty where an update was cut before it.
    """

    stack: str
    project_id: str
    environment_id: str = ""


def place_of(stack: str, state: Recorded) -> Place | None:
    """Return where a stack is, by its state; None where that has nothing on Railway."""
    for row in state.of("Environment"):
        return Place(stack, str(row.values.get("projectId") or ""), row.id)
    for row in state.of("Project"):
        return Place(stack, row.id)
    return None


def environments(railway: Client, project_id: str) -> Mapping[str, str]:
    """Return the living environments of a project, id -> name; none where it is proved that the project was deleted.

    Raises:
        InfraError: the token does not see the project.
        RailwayError: it cannot be read.
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
