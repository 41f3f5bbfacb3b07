"""Databases of a change set, expanded as Railway does. Pure.

A client sends an engine, a mount path and the name of a variable. Railway creates the service of that engine's
template, with variables, a volume and a proxy (fact: database-of-change-set).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from emulator.change_sets import Change, slug
from emulator.config import merged
from emulator.database_templates import find


def template_service(change: Change) -> tuple[str, Mapping[str, Any]] | None:
    """Return id and config of the template's service that a change creates; None if it creates no known database."""
    resource = change.get("resource")
    address = str(change.get("address") or "")
    if change.get("kind") != "resource.create" or not address.startswith("database.") or not isinstance(resource, dict):
        return None
    template = find(code=str(resource.get("engine") or "postgres"))
    if template is None:
        return None
    services: Mapping[str, Mapping[str, Any]] = template["serializedConfig"]["services"]
    return next(iter(services.items()))


def with_databases(changes: Sequence[Change], free_name: Callable[[str], str]) -> list[Change]:
    """Return changes in which each new database has its whole configuration, preceded by the change for its volume.

    Args:
        changes: the entries of a change set.
        free_name: returns a name that no volume has yet, from the wanted one.
    """
    return [written for change in changes for written in _written_out(change, free_name)]


def _written_out(change: Change, free_name: Callable[[str], str]) -> Iterator[Change]:
    found = template_service(change)
    if found is None:
        yield change
        return
    _id, config = found
    resource: Mapping[str, Any] = change["resource"]
    deploy = config["deploy"]
    mount = str(resource.get("defaultMountPath") or deploy["requiredMountPath"])
    attachments = resource.get("volumeAttachments") or resource.get("volumeMounts")
    if not attachments:
        volume = free_name(f"{resource.get('name') or change['address'].partition('.')[2]}-volume")
        region = next(iter((resource.get("deploy") or {}).get("multiRegionConfig") or {}), None)
        made = {"type": "volume", "name": volume, "config": {"region": region} if region else {}}
        yield {"kind": "resource.create", "address": f"volume.{slug(volume)}", "resource": made}
        attachments = {slug(volume): {"mountPath": mount}}
    image = resource.get("image") or config["source"]["image"]
    defaults = {name: entry["defaultValue"] for name, entry in config["variables"].items()}
    whole = {
        "source": resource.get("source") or {"image": image},
        "deploy": merged({**deploy, "requiredMountPath": mount}, resource.get("deploy") or {}),
        "networking": merged(config["networking"], resource.get("networking") or {}),
        "variables": {**defaults, **(resource.get("variables") or {})},
        "volumeAttachments": attachments,
    }
    yield {**change, "resource": {**resource, **whole}}
