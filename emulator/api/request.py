"""Who asks, and what they may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphql import GraphQLResolveInfo

from emulator.errors import not_authorized, not_found

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.deployments import Deployments
    from emulator.errors import Refusal
    from emulator.postgres import Postgres
    from emulator.settings import LiveSettings
    from emulator.store import Document, Store

Info = GraphQLResolveInfo[Any]
# Clients refuse a workspace whose id is no UUID (fact: workspace-id-uuid).
WORKSPACE = {"id": "6a1f0c52-8f0e-4d3b-9c57-2f6d1b7e4a90", "name": "Local workspace"}
OTHER_WORKSPACE = {"id": "b83d2e71-45c9-4f6a-8d10-7e9a3c5f2b64", "name": "Another workspace"}
USER = {"id": "3c9e5d18-7b2a-4e64-a1f8-90d7c6b45e23", "name": "Local user", "email": "user@example.invalid"}

_NAMED = {"deployment": "Deployment", "volume_instance": "VolumeInstance"}
"""The things of an environment that Railway names where there is none of an id."""


@dataclass(frozen=True)
class World:
    """What the emulator is made of, for resolvers."""

    store: Store
    settings: LiveSettings
    deployments: Deployments
    postgres: Postgres


@dataclass(frozen=True)
class Request:
    """One HTTP request: the world, and the credential's reach (`token` is set for a project token).

    `past` is what a reader sees where reads lag; `is_foreign` is a token of another workspace, which has no projects;
    `user` tells users of the workspace apart, each of whom has creation throttles of their own.
    """

    world: World
    token: Document | None
    past: Store | None = None
    is_foreign: bool = False
    user: str = ""

    @property
    def workspace(self) -> Document:
        """Return the workspace that the caller's token is of."""
        return OTHER_WORKSPACE if self.is_foreign else WORKSPACE

    @property
    def store(self) -> Store:
        """Return the documents."""
        return self.past or self.world.store

    def project(self, id_: str | None) -> Document:
        """Return a living project, or refuse; whether the caller may see it was decided before, by `access`."""
        document = self.store.get("project", id_)
        if document is None or document.get("deletedAt"):
            raise self._gone("Project")
        return document

    def environment(self, id_: str | None) -> Document:
        """Return a living environment, or refuse."""
        document = self.store.get("environment", id_)
        if document is None or document.get("deletedAt"):
            raise not_authorized()
        self.project(document["projectId"])
        return document

    def service(self, id_: str | None) -> Document:
        """Return a living service, or refuse."""
        document = self.store.get("service", id_)
        if document is None or document.get("deletedAt"):
            raise self._gone("Service")
        self.project(document["projectId"])
        return document

    def environments(self, project_id: str) -> list[Document]:
        """Return the living environments of a project."""
        return self.store.all("environment", lambda row: row["projectId"] == project_id and not row.get("deletedAt"))

    def holding(self, service_id: str) -> list[Document]:
        """Return the living environments that have an instance of a service."""
        return self.store.all(
            "environment", lambda row: not row.get("deletedAt") and service_id in row["config"].get("services", {})
        )

    def instance(self, environment_id: str, service_id: str) -> tuple[Document, Document]:
        """Return a living environment and a service's config in it, or refuse (fact: instance-not-found)."""
        environment = self.environment(environment_id)
        config = environment["config"].get("services", {}).get(service_id)
        if config is None:
            raise not_found("ServiceInstance")
        return environment, config

    def thing(self, kind: str, id_: str) -> tuple[Document, Document]:
        """Return a thing of a living environment and the environment, or refuse."""
        document = self.store.get(kind, id_)
        if document is None:
            raise not_found(_NAMED[kind]) if kind in _NAMED else not_authorized()
        return document, self.environment(document["environmentId"])

    def _gone(self, what: str) -> Refusal:
        """Return what is said of a deleted thing, and of one that never was (fact: deleted-is-not-found)."""
        is_said = self.world.settings.decides("deleted_answer") == "not_found"
        return not_found(what) if is_said else not_authorized()


def request_of(info: Info) -> Request:
    """Return the request that a resolver works for."""
    request: Request = info.context["emulator"]
    return request


def connection(
    rows: list[Any], arguments: dict[str, Any], view: Callable[[Any], Any] = lambda row: row
) -> dict[str, Any]:
    """Return rows as a Relay connection; the last page still has an `endCursor`, as Railway's has.

    Args:
        rows: all of them.
        arguments: which page.
        view: what a row of the page is shown as.

    Raises:
        ValueError: a number is negative, or a cursor is none of a page's.
    """
    after, before, first, last = (
        int(arguments[key]) if arguments.get(key) not in (None, "") else None
        for key in ("after", "before", "first", "last")
    )
    if min((number for number in (after, before, first, last) if number is not None), default=0) < 0:
        raise ValueError("a negative number in a page's arguments")
    start = 0 if after is None else after + 1
    end = len(rows) if before is None else before
    if first is not None:
        end = min(end, start + first)
    if last is not None:
        start = max(start, end - last)
    edges = [{"cursor": str(index), "node": view(rows[index])} for index in range(start, min(end, len(rows)))]
    return {
        "edges": edges,
        "pageInfo": {
            "hasNextPage": end < len(rows),
            "hasPreviousPage": start > 0,
            "startCursor": edges[0]["cursor"] if edges else None,
            "endCursor": edges[-1]["cursor"] if edges else None,
        },
    }
