"""Reads Railway's lists completely: the pages of a connection, and the projects that a token sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from railway_api import documents
from railway_api.token import reach

if TYPE_CHECKING:
    from railway_api.client import Client


@dataclass(frozen=True)
class Pages:
    """A connection that may have more than one page, and the document that asks for the further ones.

    Attributes:
        parent: the root field that contains it, `project` or `environment`; empty if it is a root field itself.
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
    """Return a project or an environment with all pages of its connections; one page needs no further call.

    A part of a list proves nothing about what is missing from it: an environment, a service or a volume beyond the
    first page would count as deleted, and would be made a second time.

    Args:
        client: asks for the further pages.
        found: the project or environment, with the first page of each connection.
        id_: its id.
        connections: those to complete.
        subject: the subject of errors.

    Raises:
        RailwayError: a page could not be read.
        InfraError: a page does not lead on to the next one.
    """
    whole = dict(found)
    for pages in connections:

        def more(after: str, pages: Pages = pages) -> Mapping[str, Any]:
            answer = client.query(pages.document, {"id": id_, "after": after}, subject=subject)
            parent = answer.get(pages.parent) if pages.parent else answer
            return (parent or {}).get(pages.name) or {}

        whole[pages.name] = {"edges": _edges(pages.name, found.get(pages.name) or {}, more, subject=subject)}
    return whole


def _edges(
    name: str, page: Mapping[str, Any], more: Callable[[str], Mapping[str, Any]], *, subject: str
) -> list[Mapping[str, Any]]:
    """Return the edges of all pages of a list.

    Args:
        name: the list's name, for errors.
        page: its first page.
        more: asks for the page after a cursor.
        subject: the subject of errors.

    Raises:
        InfraError: a page does not lead on to the next one.
    """
    edges, passed = list(page.get("edges") or ()), set[str]()
    # The last page has an end cursor as well (fact: last-page-cursor): only hasNextPage tells.
    while (info := page.get("pageInfo") or {}).get("hasNextPage"):
        after = str(info.get("endCursor") or "")
        if not after or after in passed:
            raise InfraError(subject, f"Railway's list of {name} does not end", "try again in a minute")
        passed.add(after)
        page = more(after)
        edges += page.get("edges") or ()
    return edges


def read_project(client: Client, id_: str, *, subject: str) -> Mapping[str, Any]:
    """Return a project with all of its environments; empty if Railway's answer has no project.

    Raises:
        RailwayError: it could not be read, which proves nothing.
    """
    project = client.query(documents.PROJECT, {"id": id_}, subject=subject).get("project")
    return completed(client, project, id_, ENVIRONMENTS, subject=subject) if project else {}


def list_projects(client: Client, *, subject: str, deleted: bool = False) -> list[Mapping[str, Any]]:
    """Return the projects of every workspace that the token sees; with a project token, only its own project.

    Args:
        client: with the token.
        subject: the subject of errors.
        deleted: whether deleted ones are listed as well.

    Raises:
        RailwayError: one of the lists could not be read, or the token sees no workspace, which proves nothing about
            any project.
        InfraError: a page does not lead on to the next one.
    """
    found = reach(client, subject=subject)
    if found.project_id:
        own = read_project(client, found.project_id, subject=subject)
        return [own] if own else []
    rows: list[Mapping[str, Any]] = []
    for workspace in found.workspaces:

        def more(after: str | None, id_: str = workspace["id"]) -> Mapping[str, Any]:
            variables = {"workspaceId": id_, "after": after, "deleted": deleted}
            return client.query(documents.PROJECTS, variables, subject=subject).get("projects") or {}

        rows += nodes({"edges": _edges("projects", more(None), more, subject=subject)})
    return rows


def nodes(connection: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Return what the edges of a Relay connection hold."""
    return [edge["node"] for edge in (connection or {}).get("edges") or []]


def is_cut(connection: Mapping[str, Any] | None) -> bool:
    """Tell whether a connection goes on after the page that was read."""
    return bool(((connection or {}).get("pageInfo") or {}).get("hasNextPage"))
