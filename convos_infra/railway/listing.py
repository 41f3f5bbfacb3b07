"""Lists of Railway's: the pages of a connection, and the projects that a token sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from railway_api import documents
from railway_api.token import reach

if TYPE_CHECKING:
    from railway_api.client import Client


@dataclass(frozen=True)
class Pages:
    """A connection that may be longer than its first page, and how the next ones are asked for.

    Attributes:
        parent: the root field that has it, `project` or `environment`; empty for one that is a root field itself.
        name: the connection's own field.
        document: asks for the page of `$id` after the cursor `$after`.
    """

    parent: str
    name: str
    document: str


ENVIRONMENTS = Pages("project", "environments", documents.MORE_ENVIRONMENTS)
ENVIRONMENT_USE = Pages("project", "environments", documents.MORE_ENVIRONMENT_USE)
SERVICES = Pages("project", "services", documents.MORE_SERVICES)
VOLUMES = Pages("project", "volumes", documents.MORE_VOLUMES)
BUCKETS = Pages("project", "buckets", documents.MORE_BUCKETS)
SERVICE_INSTANCES = Pages("environment", "serviceInstances", documents.MORE_SERVICE_INSTANCES)
SERVICES_HERE = Pages("environment", "serviceInstances", documents.MORE_SERVICES_HERE)
TOKENS = Pages("", "projectTokens", documents.MORE_PROJECT_TOKENS)
VOLUME_INSTANCES = Pages("environment", "volumeInstances", documents.MORE_VOLUME_INSTANCES)


def completed(
    client: Client, found: Mapping[str, Any], id_: str, *connections: Pages, subject: str
) -> Mapping[str, Any]:
    """Return a project or an environment with the whole of its connections; what fits on one page costs no call.

    A list that was read in part proves nothing of what it does not have: an environment, a service or a volume beyond
    the first page would be taken for a deleted one, and made a second time.

    Args:
        client: asks for the further pages.
        found: the project or environment, with the first page of each connection.
        id_: its id.
        connections: which are completed.
        subject: what they are read for, for the error's first word.

    Raises:
        RailwayError: a page could not be read.
        InfraError: a page does not lead on to the next one.
    """
    whole = dict(found)
    for pages in connections:
        page = found.get(pages.name) or {}
        edges, passed = list(page.get("edges") or ()), set[str]()
        # The last page has an end cursor as well (fact: last-page-cursor): only hasNextPage tells.
        while (info := page.get("pageInfo") or {}).get("hasNextPage"):
            after = str(info.get("endCursor") or "")
            if not after or after in passed:
                raise InfraError(subject, f"Railway's list of {pages.name} does not end", "try again in a minute")
            passed.add(after)
            answer = client.query(pages.document, {"id": id_, "after": after}, subject=subject)
            parent = answer.get(pages.parent) if pages.parent else answer
            page = (parent or {}).get(pages.name) or {}
            edges += page.get("edges") or ()
        whole[pages.name] = {"edges": edges}
    return whole


def read_project(client: Client, id_: str, *, subject: str) -> Mapping[str, Any]:
    """Return a project with all of its environments, or nothing where Railway answers with nothing.

    Raises:
        RailwayError: it could not be read, which proves nothing.
    """
    project = client.query(documents.PROJECT, {"id": id_}, subject=subject).get("project")
    return completed(client, project, id_, ENVIRONMENTS, subject=subject) if project else {}


def list_projects(client: Client, *, subject: str, deleted: bool = False) -> list[Mapping[str, Any]]:
    """Return the projects of every workspace that the token sees; of a project token, its own.

    Args:
        client: with the token.
        subject: what they are listed for, for the error's first word.
        deleted: whether deleted ones are listed as well.

    Raises:
        RailwayError: one of the lists could not be read, or the token sees no workspace, which proves nothing about
            any project.
    """
    found = reach(client, subject=subject)
    if found.project_id:
        own = read_project(client, found.project_id, subject=subject)
        return [own] if own else []
    rows: list[Mapping[str, Any]] = []
    for workspace in found.workspaces:
        after = None
        while True:
            variables = {"workspaceId": workspace["id"], "after": after, "deleted": deleted}
            projects = client.query(documents.PROJECTS, variables, subject=subject).get("projects") or {}
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


def is_cut(connection: Mapping[str, Any] | None) -> bool:
    """Tell whether a connection goes on after the page that was read."""
    return bool(((connection or {}).get("pageInfo") or {}).get("hasNextPage"))
