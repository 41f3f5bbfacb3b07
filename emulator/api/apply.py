"""Applies a patch to an environment's config; every mutation of a config goes through this module."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from emulator.api.sync import follow_config, rows, with_known_keys
from emulator.config import deploys, merged, replicas, sealed
from emulator.errors import Refusal
from emulator.patch_rules import broken
from emulator.store import Document, now

if TYPE_CHECKING:
    from emulator.api.request import Request

KEPT_HOURS = 48
"""How long a deleted volume stays listed, and how long a project whose deletion is scheduled (fact: volume-grace)."""


def apply_patch(
    request: Request, environment: Document, patch: Document, reason: str, *, skip_deploys: bool = False
) -> list[str]:
    """Merge a patch into an environment's config and deploy the services that it changes.

    A changed service has one deployment, however much of it was changed (fact: patch-one-deployment), and a service
    that is not changed has none (fact: patch-no-change).

    Returns:
        The ids of the deployments that it started.

    Raises:
        Refusal: the patch is not valid, or names a service or volume that it may not change.
    """
    check_patch(patch)
    store = request.store
    before = copy.deepcopy(environment["config"])
    old = before.get("services", {})
    _check_services(request, environment, patch)
    config = sealed(before, merged(before, with_known_keys(request, environment, copy.deepcopy(patch))))
    services = config.setdefault("services", {})
    _check_replicas(services, patch.get("services") or {})
    removed = [id_ for id_, service in services.items() if service.get("isDeleted")]
    for id_ in removed:
        services.pop(id_)
    gone = [id_ for id_, volume in config.get("volumes", {}).items() if (volume or {}).get("isDeleted")]
    for id_ in gone:
        _forget_mounts(config, id_)
        config["volumes"].pop(id_)
    groups = config.get("groups", {})
    for id_ in [id_ for id_, group in groups.items() if group.get("isDeleted")]:
        groups.pop(id_)
    for part in (*services.values(), *config.get("volumes", {}).values(), *groups.values()):
        part.pop("isCreated", None)
    environment.update(config=config, updatedAt=now())
    for id_ in removed:
        _remove_instance(request, environment, id_)
    for id_ in gone:
        delete_volume_instances(request, id_, environment["id"])
    follow_config(request, environment)
    store.put("environment", environment["id"], environment)
    if skip_deploys:
        return []
    changed = [id_ for id_ in services if deploys(old.get(id_, {}), services[id_])]
    return [request.world.deployments.start(environment["id"], id_, reason) for id_ in changed]


def check_patch(patch: Document) -> None:
    """Refuse a patch that is not valid (fact: pre-deploy-list)."""
    at = broken(patch)
    if at:
        raise Refusal(f"Error in {at} - Invalid input")


def store_patch(request: Request, environment: Document, patch: Document) -> None:
    """Merge a patch into an environment's config without a deployment."""
    apply_patch(request, environment, patch, "", skip_deploys=True)


def _check_services(request: Request, environment: Document, patch: Document) -> None:
    here = environment["config"].get("services", {})
    for id_, service in (patch.get("services") or {}).items():
        # An instance is created only if the patch says so (fact: patch-creates-instance).
        if service and id_ not in here and not service.get("isCreated"):
            raise Refusal("Service Instance not found")
        known = request.store.get("service", id_)
        if known is None or known.get("deletedAt") or known["projectId"] != environment["projectId"]:
            raise Refusal("Service not found")
    for id_ in patch.get("volumes") or {}:
        known = request.store.get("volume", id_)
        if known is not None and known["projectId"] != environment["projectId"]:
            raise Refusal("Volume not found")


def _check_replicas(services: Document, patched: Document) -> None:
    """Refuse more than one replica beside a volume (fact: volume-no-replicas)."""
    for id_ in patched:
        service = services.get(id_) or {}
        if service.get("volumeMounts") and replicas(service.get("deploy") or {}) > 1:
            raise Refusal("Services with a volume cannot have more than one replica")


def _remove_instance(request: Request, environment: Document, service_id: str) -> None:
    request.world.deployments.stop_instance(environment["id"], service_id)
    for kind in ("domain", "custom_domain", "tcp_proxy"):
        for row in rows(request, kind, environment["id"], service_id):
            request.store.delete(kind, row["id"])


def _forget_mounts(config: Document, volume_id: str) -> None:
    for service in config.get("services", {}).values():
        if volume_id in (service.get("volumeMounts") or {}):
            service["volumeMounts"].pop(volume_id)


def delete_volume_instances(
    request: Request, volume_id: str, environment_id: str | None, *, state: str = "DELETING"
) -> None:
    """Mark a volume as deleted in one environment, or in all without an id; PostgreSQL's data is deleted at once."""
    until = (datetime.now(UTC) + timedelta(hours=KEPT_HOURS)).isoformat()
    for row in request.store.all("volume_instance", lambda row: row["volumeId"] == volume_id):
        if environment_id in (None, row["environmentId"]):
            row.update(deletedAt=until, state=state, serviceId=None)
            request.store.put("volume_instance", row["id"], row)
            request.world.postgres.forget(row["id"])
            environment = request.store.get("environment", row["environmentId"])
            if environment is not None:
                _forget_mounts(environment["config"], volume_id)
                environment["config"].get("volumes", {}).pop(volume_id, None)
                request.store.put("environment", environment["id"], environment)
