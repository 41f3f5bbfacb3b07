"""Proof that a project or an environment does not exist any more.

"Not Authorized" proves nothing: a wrong token and a token of another workspace get the same answer
(fact: not-authorized-is-ambiguous). A list without the thing is a proof only if the token would see the thing in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.railway import pending
from convos_infra.railway.listing import list_projects, nodes, read_project
from railway_api.errors import RailwayError
from railway_api.token import reach

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Self

    from railway_api.client import Client


class PendingDeletion(InfraError):
    """A project or an environment is not gone: its deletion is scheduled, and can be cancelled until then.

    Attributes:
        until: when Railway deletes it.
    """

    def __init__(self, subject: str, until: str, now: datetime) -> None:
        hours = pending.hours_left(until, now)
        super().__init__(
            subject,
            f"its deletion is scheduled: Railway deletes it and everything in it in {hours} hours (at {until})",
            "to keep it, cancel the deletion on Railway (projectScheduleDeleteCancel), then run pulumi refresh",
        )
        self.until = until

    def about(self, subject: str) -> Self:  # noqa: ARG002  # the deletion is not that of the thing that was looked for
        """Return it as it is: its subject is the project or environment, whatever in it was asked for."""
        return self


def refuse_scheduled(client: Client, subject: str, row: Mapping[str, Any]) -> None:
    """Raise an error if the deletion of a project or an environment is scheduled.

    Raises:
        PendingDeletion: it is.
    """
    if until := pending.scheduled(row, client.now()):
        raise PendingDeletion(subject, until, client.now())


def refuse_leaving(
    client: Client, environment_id: str, environment: Mapping[str, Any], project: Mapping[str, Any]
) -> None:
    """Raise PendingDeletion if the deletion of an environment that answers, or of its project, is scheduled."""
    refuse_scheduled(client, f"project {project.get('name') or environment_id}", project)
    listed = [row for row in nodes(project.get("environments")) if row["id"] == environment_id]
    for row in (environment, *listed):
        refuse_scheduled(client, f"environment {row.get('name') or environment_id}", row)


def environment_is_gone(client: Client, project_id: str, environment_id: str, subject: str) -> bool:
    """Tell whether an environment that could not be read provably does not exist any more.

    Raises:
        InfraError: the token sees no project of the environment, not even a deleted one.
        PendingDeletion: its deletion, or its project's, is scheduled.
    """
    try:
        project = read_project(client, project_id, subject=subject)
    except RailwayError:
        try:
            return project_is_gone(client, project_id, subject)
        except RailwayError:
            return False
    refuse_leaving(client, environment_id, {}, project)
    if project.get("deletedAt"):
        return True
    # A project token belongs to one environment, so its lists may be incomplete.
    if client.is_project_token:
        return False
    listed = nodes(project.get("environments"))
    # An empty list proves nothing, because a broken read looks the same.
    alive = {row["id"] for row in listed if not row.get("deletedAt")}
    return bool(listed) and environment_id not in alive


def project_is_gone(client: Client, project_id: str, subject: str) -> bool:
    """Tell whether a project was provably deleted: its workspace lists it so (fact: deleted-project-is-listed).

    Raises:
        InfraError: no workspace of the token lists it, not even as deleted, so it may exist in another one.
        PendingDeletion: its deletion is scheduled.
        RailwayError: one of the lists could not be read.
    """
    for row in list_projects(client, subject=subject, deleted=True):
        if row["id"] == project_id:
            refuse_scheduled(client, f"project {row.get('name') or project_id}", row)
            return bool(row.get("deletedAt"))
    names = ", ".join(str(row.get("name") or row["id"]) for row in reach(client, subject=subject).workspaces)
    problem = f"the token does not see project {project_id}: workspace {names} does not list it, not even as deleted"
    step = "use a token of the workspace that it is in; if it is gone for good, pulumi stack rm --force forgets it"
    raise InfraError(subject, problem if names else f"the token is of another project than {project_id}", step)
