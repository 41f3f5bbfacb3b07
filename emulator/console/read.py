"""Reads what the pages show from the store. The caller holds the store's lock; nothing is changed here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.references import referenced
from emulator.routes import ACTIVE

if TYPE_CHECKING:
    from emulator.store import Document, Store

_SHOWN = ("project", "environment", "service", "volume_instance", "domain", "custom_domain", "tcp_proxy")


@dataclass(frozen=True)
class ShownVariable:
    """A variable.

    Attributes:
        name: its name.
        value: None if it is sealed.
        refers_to: what its value refers to, as `Service.NAME`, `shared.NAME` or `NAME`.
    """

    name: str
    value: str | None
    refers_to: tuple[str, ...]


@dataclass(frozen=True)
class ReferenceEdge:
    """A service's variable refers to something of another service, or to a shared variable.

    Attributes:
        owner: the service that has the variable.
        target: the service that is referred to, or `shared`.
        name: the variable of the owner.
        is_broken: whether the target does not exist.
    """

    owner: str
    target: str
    name: str
    is_broken: bool


def living(store: Store, kind: str, **wanted: Any) -> list[Document]:
    """Return the documents of a kind with these fields that are not deleted, oldest first."""
    return store.all(
        kind,
        lambda row: not row.get("deletedAt") and all(row.get(name) == value for name, value in wanted.items()),
    )


def services(store: Store, environment: Document) -> dict[str, Document]:
    """Return the services that an environment has, by id."""
    configs = environment["config"].get("services", {})
    return {
        row["id"]: row for row in living(store, "service", projectId=environment["projectId"]) if row["id"] in configs
    }


def deployments(store: Store, environment_id: str, service_id: str) -> list[Document]:
    """Return a service's deployments, newest first."""
    return store.all(
        "deployment", lambda row: row["environmentId"] == environment_id and row["serviceId"] == service_id
    )[::-1]


def running(rows: list[Document]) -> Document | None:
    """Return the deployment that serves traffic; the deployments are given newest first."""
    return next((row for row in rows if row["status"] in ACTIVE), None)


def variables(entries: Mapping[str, Any]) -> list[ShownVariable]:
    """Return variables by name, without the values of sealed ones."""
    return [
        ShownVariable(
            name,
            None if entry.get("isSealed") else str(entry.get("value") or ""),
            () if entry.get("isSealed") else tuple(referenced(str(entry.get("value") or ""))),
        )
        for name, entry in sorted(entries.items())
        if entry
    ]


def edges(store: Store, environment: Document) -> list[ReferenceEdge]:
    """Return the references between services."""
    here = services(store, environment)
    names = {row["name"] for row in here.values()}
    found = []
    for id_, service in sorted(here.items(), key=lambda item: str(item[1]["name"])):
        for variable in variables(environment["config"]["services"][id_].get("variables", {})):
            for target in dict.fromkeys(one.rpartition(".")[0] for one in variable.refers_to):
                if target and target != service["name"]:
                    is_broken = target != "shared" and target not in names
                    found.append(ReferenceEdge(service["name"], target, variable.name, is_broken))
    return found


def volumes(store: Store, environment_id: str, service_id: str | None = None) -> list[Document]:
    """Return the volume instances of an environment, or of one service, including those that are being deleted."""
    return store.all(
        "volume_instance",
        lambda row: row["environmentId"] == environment_id and service_id in (None, row.get("serviceId")),
    )


def domains(store: Store, environment_id: str, service_id: str) -> list[str]:
    """Return where a service can be reached, in Railway's notation."""
    here = {"environmentId": environment_id, "serviceId": service_id}
    names = [row["domain"] for kind in ("domain", "custom_domain") for row in living(store, kind, **here)]
    proxies = living(store, "tcp_proxy", **here)
    return [*names, *(f"{row['domain']}:{row['proxyPort']} → {row['applicationPort']}" for row in proxies)]


def version(store: Store) -> str:
    """Return a version that changes whenever a deployment, its log or a config changes."""
    with store.lock:
        seen = [(row["updatedAt"], row["status"], len(row["logs"])) for row in store.all("deployment")]
        others = [(row["id"], row.get("updatedAt"), row.get("deletedAt")) for kind in _SHOWN for row in store.all(kind)]
    return hashlib.sha256(repr((seen, others)).encode()).hexdigest()
