"""The mark of this suite's projects: only a project with the mark is ever deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ops.conformance.caller import Refusal, sender
from ops.conformance.sandbox import nodes
from railway_api import documents as sent
from railway_api.errors import RailwayError
from railway_api.failure import Failure
from railway_api.token import reach

if TYPE_CHECKING:
    from railway_api.client import Client

_PREFIX = "conformance-"
DESCRIPTION = "Made by make conformance of convos-infra; it deletes every project with this name and description."
_MOST_PAGES = 1000


def marked(suffix: str) -> dict[str, str]:
    """Return name and description of a project of this suite."""
    return {"name": f"{_PREFIX}{suffix}", "description": DESCRIPTION}


def is_marked(project: Mapping[str, Any]) -> bool:
    """Tell whether a project was made by this suite: both its name and its whole description say so."""
    return str(project.get("name")).startswith(_PREFIX) and project.get("description") == DESCRIPTION


def left_over(client: Client) -> list[Mapping[str, Any]]:
    """Return the living projects with the mark in all workspaces of the token.

    Raises:
        RailwayError: they could not be listed.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for workspace in reach(client, subject="conformance").workspaces:
        after = None
        for _ in range(_MOST_PAGES):
            given = {"workspaceId": workspace["id"], "after": after, "deleted": False}
            page = client.query(sent.PROJECTS, given, subject="conformance")["projects"]
            found.update({row["id"]: row for row in nodes(page) if is_marked(row) and not row["deletedAt"]})
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
    return list(found.values())


def sweep(client: Client) -> list[str]:
    """Delete every project with the mark, and return their names.

    Raises:
        Failure: one is still there; the next run tries again.
        RailwayError: they could not be listed.
    """
    found = left_over(client)
    for project in found:
        _delete(client, project)
    left = left_over(client) if found else []
    if left:
        names = ", ".join(str(row["name"]) for row in left)
        raise Failure("conformance", f"not deleted: {names}", "run it again in a minute, or delete them by hand")
    return [str(row["name"]) for row in found]


def _delete(client: Client, project: Mapping[str, Any]) -> None:
    # A refusal proves nothing; the list is read again afterwards (fact: refused-may-have-happened).
    try:
        sender(client)(sent.PROJECT_DELETE, {"id": project["id"]})
    except (Refusal, RailwayError):
        return
