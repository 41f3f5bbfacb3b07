"""Proof that a project or an environment does not exist any more.

"Not Authorized" is none: a wrong token and a token of another workspace get the same answer
(fact: not-authorized-is-ambiguous). A list that does not have a thing is one only where whoever asks would see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from railway_api import documents
from railway_api.errors import RailwayError
from railway_api.token import reach

if TYPE_CHECKING:
    from railway_api.client import Client


def environment_is_gone(client: Client, project_id: str, environment_id: str, thing: str) -> bool:
    """Tell whether it is proved that an environment which could not be read does not exist any more.

    Raises:
        InfraError: no project that the token sees is the environment's, not even a deleted one.
    """
    try:
        project = client.query(documents.PROJECT, {"id": project_id}, thing=thing).get("project") or {}
    except RailwayError:
        try:
            return project_is_gone(client, project_id, thing)
        except RailwayError:
            return False
    if project.get("deletedAt"):
        return True
    # A project token is of one environment: what it lists need not be all that there is.
    if client.is_project_token:
        return False
    listed = nodes(project.get("environments"))
    # An empty list proves nothing: it is what a broken read looks like.
    alive = {row["id"] for row in listed if not row.get("deletedAt")}
    return bool(listed) and environment_id not in alive


def project_is_gone(client: Client, project_id: str, thing: str) -> bool:
    """Tell whether it is proved that a project was deleted: its workspace says so (fact: deleted-project-is-listed).

    Raises:
        InfraError: no workspace of the token lists it, not even as deleted, so that it may live in another one.
        RailwayError: one of the lists could not be read.
    """
    for row in list_projects(client, thing=thing, deleted=True):
        if row["id"] == project_id:
            return bool(row.get("deletedAt"))
    names = ", ".join(str(row.get("name") or row["id"]) for row in reach(client, thing=thing).workspaces)
    problem = f"the token does not see project {project_id}: workspace {names} does not list it, not even as deleted"
    step = "use a token of the workspace that it is in; if it is gone for good, pulumi stack rm --force forgets it"
    raise InfraError(thing, problem if names else f"the token is of another project than {project_id}", step)


def list_projects(client: Client, *, thing: str, deleted: bool = False) -> list[Mapping[str, Any]]:
    """Return the projects of every workspace that the token sees; of a project token, its own.

    Args:
        client: with the token.
        thing: what they are listed for, for the error's first word.
        deleted: whether deleted ones are listed as well.

    Raises:
        RailwayError: one of the lists could not be read, or the token sees no workspace, which proves nothing about
            any project.
    """
    found = reach(client, thing=thing)
    if found.project_id:
        own = client.query(documents.PROJECT, {"id": found.project_id}, thing=thing).get("project")
        return [own] if own else []
    rows: list[Mapping[str, Any]] = []
    for workspace in found.workspaces:
        after = None
        while True:
            variables = {"workspaceId": workspace["id"], "after": after, "deleted": deleted}
            projects = client.query(documents.PROJECTS, variables, thing=thing).get("projects") or {}
            rows += nodes(projects)
            info = projects.get("pageInfo") or {}
            # The last page has an end cursor as well (fact: last-page-cursor): only hasNextPage tells.
            if not info.get("hasNextPage"):
                break
            after = info.get("endCursor")
    return rows


def nodes(connection: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Return what the edges of a Relay connection hold."""
    return [edge["node"] for edge in (connection or {}).get("edges") or []]
