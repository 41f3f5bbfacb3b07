"""Lists of Railway's: the pages of a connection, and the projects that a token sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from railway_api import documents
from railway_api.token import reach

if TYPE_CHECKING:
    from railway_api.client import Client


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
