"""How a patch becomes the config of an environment: one place for every writer."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from emulator.config import deploys, merged
from emulator.errors import Refusal
from emulator.store import Document, new_id, now

if TYPE_CHECKING:
    from emulator.api.request import Request


def apply_patch(
    request: Request, environment: Document, patch: Document, reason: str, *, skip_deploys: bool = False
) -> list[str]:
    """Merge a patch into an environment's config and deploy each service that it changes, once.

    Returns:
        The ids of the deployments that it started.
    """
    store = request.store
    before = environment["config"].get("services", {})
    removed = [id_ for id_, service in (patch.get("services") or {}).items() if service and service.get("isDeleted")]
    for id_, service in (patch.get("services") or {}).items():
        if service and id_ not in before and not service.get("isCreated"):
            raise Refusal("Service Instance not found")
        known = store.get("service", id_)
        if known is None or known.get("deletedAt") or known["projectId"] != environment["projectId"]:
            raise Refusal("Service not found")
    config = merged(environment["config"], patch)
    services = config.setdefault("services", {})
    for id_ in removed:
        services.pop(id_, None)
    for service in services.values():
        service.pop("isCreated", None)
    environment.update(config=config, updatedAt=now())
    store.put("environment", environment["id"], environment)
    for id_ in removed:
        _remove_instance(request, environment, id_)
    _sync_proxies(request, environment)
    if skip_deploys:
        return []
    changed = [id_ for id_ in services if deploys(before.get(id_, {}), services[id_])]
    return [request.world.deployments.start(environment["id"], id_, reason) for id_ in changed]


def _remove_instance(request: Request, environment: Document, service_id: str) -> None:
    store = request.store
    request.world.deployments.stop_instance(environment["id"], service_id)
    for kind in ("domain", "custom_domain", "tcp_proxy"):
        for row in store.all(
            kind, lambda row: row["environmentId"] == environment["id"] and row["serviceId"] == service_id
        ):
            store.delete(kind, row["id"])
    for row in store.all(
        "volume_instance",
        lambda row: row["environmentId"] == environment["id"] and row["serviceId"] == service_id,
    ):
        row["serviceId"] = None
        store.put("volume_instance", row["id"], row)


def _sync_proxies(request: Request, environment: Document) -> None:
    """Give each `networking.tcpProxies` entry of the config a proxy, and take away those that have none."""
    store = request.store
    wanted = {
        (service_id, int(port))
        for service_id, service in environment["config"].get("services", {}).items()
        for port in service.get("networking", {}).get("tcpProxies", {})
    }
    here = store.all("tcp_proxy", lambda row: row["environmentId"] == environment["id"])
    for row in here:
        if (row["serviceId"], row["applicationPort"]) not in wanted:
            store.delete("tcp_proxy", row["id"])
    known = {(row["serviceId"], row["applicationPort"]) for row in here}
    for service_id, port in sorted(wanted - known):
        made = {
            "id": new_id(),
            "environmentId": environment["id"],
            "serviceId": service_id,
            "applicationPort": port,
            "proxyPort": _free_port(),
            "domain": "127.0.0.1",
            "syncStatus": "ACTIVE",
            "createdAt": now(),
            "updatedAt": now(),
            "deletedAt": None,
        }
        store.put("tcp_proxy", made["id"], made)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
