"""The caller of a request, and the documents that it reads."""

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
# Clients refuse a workspace whose id is not a UUID (fact: workspace-id-uuid).
WORKSPACE = {"id": "6a1f0c52-8f0e-4d3b-9c57-2f6d1b7e4a90", "name": "Local workspace"}
OTHER_WORKSPACE = {"id": "b83d2e71-45c9-4f6a-8d10-7e9a3c5f2b64", "name": "Another workspace"}
USER = {"id": "3c9e5d18-7b2a-4e64-a1f8-90d7c6b45e23", "name": "Local user", "email": "user@example.invalid"}

_NAMED = {"deployment": "Deployment", "volume_instance": "VolumeInstance"}
"""The kinds that Railway's error names if there is no object with an id; for all others, it is `Not Authorized`."""


@dataclass(frozen=True)
class World:
    """The parts of the emulator that resolvers use."""

    store: Store
    settings: LiveSettings
    deployments: Deployments
    postgres: Postgres


@dataclass(frozen=True)
class Request:
    """A request of an authenticated caller.

    Attributes:
        world: the parts of the emulator.
        token: the project token; None for an account token.
        past: the store that a query reads if reads lag behind.
        is_foreign: whether the token belongs to the other workspace, which has no projects.
        user: tells users of the workspace apart, because each has creation throttles of their own.
    """

    world: World
    token: Document | None
    past: Store | None = None
    is_foreign: bool = False
    user: str = ""

    @property
    def workspace(self) -> Document:
        """Return the caller's workspace."""
        return OTHER_WORKSPACE if self.is_foreign else WORKSPACE

    @property
    def store(self) -> Store:
        """Return the store that this request reads."""
        return self.past or self.world.store

    def project(self, id_: str | None) -> Document:
        """Return a project that is not deleted, or refuse; `access` has already checked the caller's rights."""
        document = self.store.get("project", id_)
        if document is None or document.get("deletedAt"):
            raise self._gone("Project")
        return document

    def environment(self, id_: str | None) -> Document:
        """Return an environment that is not deleted, or refuse."""
        document = self.store.get("environment", id_)
        if document is None or document.get("deletedAt"):
            raise not_authorized()
        self.project(document["projectId"])
        return document

    def service(self, id_: str | None) -> Document:
        """Return a service that is not deleted, or refuse."""
        document = self.store.get("service", id_)
        if document is None or document.get("deletedAt"):
            raise self._gone("Service")
        self.project(document["projectId"])
        return document

    def environments(self, project_id: str) -> list[Document]:
        """Return a project's environments that are not deleted."""
        return self.store.all("environment", lambda row: row["projectId"] == project_id and not row.get("deletedAt"))

    def holding(self, service_id: str) -> list[Document]:
        """Return the environments that have an instance of a service."""
        return self.store.all(
            "environment", lambda row: not row.get("deletedAt") and service_id in row["config"].get("services", {})
        )

    def instance(self, environment_id: str, service_id: str) -> tuple[Document, Document]:
        """Return an environment and a service's config in it, or refuse (fact: instance-not-found)."""
        environment = self.environment(environment_id)
        config = environment["config"].get("services", {}).get(service_id)
        if config is None:
            raise not_found("ServiceInstance")
        return environment, config

    def of_environment(self, kind: str, id_: str) -> tuple[Document, Document]:
        """Return a document that belongs to an environment, and the environment, or refuse."""
        document = self.store.get(kind, id_)
        if document is None:
            raise not_found(_NAMED[kind]) if kind in _NAMED else not_authorized()
        return document, self.environment(document["environmentId"])

    def _gone(self, what: str) -> Refusal:
        """Return the error for an object that was deleted or never existed (fact: deleted-is-not-found)."""
        is_named = self.world.settings.decides("deleted_answer") == "not_found"
        return not_found(what) if is_named else not_authorized()


def request_of(info: Info) -> Request:
    """Return the request that a resolver answers."""
    request: Request = info.context["emulator"]
    return request


def connection(
    rows: list[Any], arguments: dict[str, Any], view: Callable[[Any], Any] = lambda row: row
) -> dict[str, Any]:
    """Return a page of rows as a Relay connection; even the last page has an `endCursor`, as on Railway.

    Args:
        rows: all rows.
        arguments: `first`, `after`, `last` and `before`.
        view: turns a row of the page into its GraphQL object.

    Raises:
        ValueError: a number is negative, or a cursor is not a number.
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
