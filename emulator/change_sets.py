"""Turns change sets into patches of an environment's config. Pure.

Changes name resources by addresses such as `service.web` (fact: change-set-addresses).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emulator.config import merged
from emulator.errors import Refusal

Change = Mapping[str, Any]
_VERSION = 1
_OF_SERVICE = ("source", "build", "deploy", "networking", "groupId")
_SERVICES = ("service", "database")
_PARTS = {"service": "services", "database": "services", "group": "groups"}
"""The part of the config with a resource's group, by the resource's kind."""


@dataclass(frozen=True)
class ChangeSetPlan:
    """What a change set does.

    Attributes:
        patch: the patch of the environment's config.
        renamed: new names by service id.
        deleted: the ids of the services that it deletes.
        grouped: the group of a volume, or None, by the volume's id; this is not part of the config.
        diagnostics: what cannot be done, each with severity, path and message; if there is one, nothing is done.
    """

    patch: dict[str, Any] = field(default_factory=lambda: {"services": {}, "volumes": {}, "groups": {}})
    renamed: dict[str, str] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    grouped: dict[str, str | None] = field(default_factory=dict)
    diagnostics: list[dict[str, str]] = field(default_factory=list)


def changes_of(input_: Any) -> Sequence[Change]:
    """Return the changes of a change set.

    Raises:
        Refusal: the input is not a change set, or has another version.
    """
    version = input_.get("version") if isinstance(input_, dict) else None
    if version != _VERSION:
        # Railway's words (fact: change-set-version).
        raise Refusal(f"Unsupported RailwayChangeSet version: {'undefined' if version is None else version}")
    changes = input_.get("changes")
    if not isinstance(changes, list) or not all(isinstance(change, dict) for change in changes):
        raise Refusal("Invalid RailwayChangeSet")
    return changes


def created(changes: Sequence[Change]) -> dict[str, str]:
    """Return the name of each resource that a change set creates, by its address."""
    return {
        str(change.get("address")): str((change.get("resource") or {}).get("name") or _rest(change))
        for change in changes
        if change.get("kind") == "resource.create"
    }


def addresses(kind: str, name: str) -> tuple[str, str]:
    """Return both addresses of a resource: with its name as references spell it, and as it is."""
    return f"{kind}.{slug(name)}", f"{kind}.{name}"


def slug(name: str) -> str:
    """Return a name as addresses and references spell it."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def plan(changes: Sequence[Change], ids: Mapping[str, str], names: Mapping[str, str]) -> ChangeSetPlan:
    """Return what `changes` do.

    Args:
        changes: the entries of a change set.
        ids: the id of each resource that exists or is to be created, by its address.
        names: the name of each resource by its address, for references between services.
    """
    result = ChangeSetPlan()
    for change in changes:
        at, kind = str(change.get("address") or ""), str(change.get("kind") or "")
        id_ = ids.get(_canonical(at, ids))
        if id_ is None:
            _cannot(result, change, f"{at} does not exist")
        elif kind == "resource.create":
            _create(result, change, id_, ids, names)
        elif kind == "resource.update":
            _update(result, change, id_, ids)
        elif kind == "resource.delete":
            _delete(result, change, id_)
        elif kind == "variable.set":
            value = {change["variable"]: change.get("after")} if change.get("variable") else {}
            _merge(result, "services", id_, {"variables": _variables(value, names)})
        elif kind == "variable.delete":
            _merge(result, "services", id_, {"variables": {str(change.get("variable")): None}}, keep_null=True)
        else:
            _cannot(result, change, f"{kind or 'a change without a kind'} is not supported by the emulator")
    return result


def _canonical(at: str, ids: Mapping[str, str]) -> str:
    """Return the address that `ids` has: a database and a service of one name are the same service."""
    kind, _, rest = at.partition(".")
    if at in ids or kind not in _SERVICES:
        return at
    other = next(other for other in _SERVICES if other != kind)
    return f"{other}.{rest}"


def _rest(change: Change) -> str:
    return str(change.get("address") or "").partition(".")[2]


def _kind(change: Change) -> str:
    return str(change.get("address") or "").partition(".")[0]


def _cannot(result: ChangeSetPlan, change: Change, why: str) -> None:
    path = str(change.get("path") or f"resources.{change.get('address')}")
    result.diagnostics.append({"severity": "error", "path": path, "message": why})


def _merge(result: ChangeSetPlan, part: str, id_: str, entry: dict[str, Any], *, keep_null: bool = False) -> None:
    before = result.patch[part].get(id_, {})
    result.patch[part][id_] = _laid_over(before, entry) if keep_null else merged(before, entry)


def _laid_over(base: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Merge two patches, and keep nulls, which remove values when the patch is applied."""
    result = dict(base)
    for key, value in patch.items():
        known = result.get(key)
        result[key] = _laid_over(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return result


def _create(result: ChangeSetPlan, change: Change, id_: str, ids: Mapping[str, str], names: Mapping[str, str]) -> None:
    resource, kind = change.get("resource") or {}, _kind(change)
    if kind in _SERVICES:
        entry: dict[str, Any] = {key: copy.deepcopy(resource[key]) for key in _OF_SERVICE if resource.get(key)}
        entry["groupId"] = _group(resource.get("groupId"), ids)
        entry["source"] = _source(resource.get("source") or {"image": resource.get("image")})
        if (entry.get("networking") or {}).get("customDomains"):
            _cannot(result, change, "custom domains are not registered by change sets")
        entry["variables"] = _variables(resource.get("variables") or {}, names)
        attached = (resource.get(key) or {} for key in ("volumeMounts", "volumeAttachments"))
        entry["volumeMounts"] = {id_: mount for given in attached for id_, mount in _mounts(given, ids).items()}
        _merge(result, "services", id_, {**{key: value for key, value in entry.items() if value}, "isCreated": True})
    elif kind == "volume":
        _merge(result, "volumes", id_, {**(resource.get("config") or {}), "isCreated": True})
        if resource.get("groupId"):
            result.grouped[id_] = _group(resource["groupId"], ids)
    elif kind == "group":
        shown = {
            key: resource[key] for key in ("name", "color", "icon", "isCollapsed") if resource.get(key) is not None
        }
        if resource.get("groupId"):
            shown["groupId"] = _group(resource["groupId"], ids)
        _merge(result, "groups", id_, {**shown, "isCreated": True})
    else:
        _cannot(result, change, f"{kind} is not supported by the emulator")


def _update(result: ChangeSetPlan, change: Change, id_: str, ids: Mapping[str, str]) -> None:
    part, after, kind = str(change.get("field") or ""), change.get("after"), _kind(change)
    if part == "name" and kind in _SERVICES:
        result.renamed[id_] = str(after)
    elif part == "volumeAttachments":
        gone = dict.fromkeys(_mounts(change.get("before") or {}, ids))
        _merge(result, "services", id_, {"volumeMounts": {**gone, **_mounts(after or {}, ids)}}, keep_null=True)
    elif part == "source":
        _merge(result, "services", id_, {"source": _source(after) if after else None}, keep_null=True)
    elif part == "groupId" and kind == "volume":
        result.grouped[id_] = _group(after, ids)
    elif part == "groupId" and kind in _PARTS:
        _merge(result, _PARTS[kind], id_, {"groupId": _group(after, ids)}, keep_null=True)
    elif part in _OF_SERVICE and kind in _SERVICES:
        removed = dict.fromkeys(change.get("before") or {}) if isinstance(after, dict) else {}
        # A networking block has only changes; any other block is complete, so that what it leaves out is removed.
        value = {**(removed if part != "networking" else {}), **after} if isinstance(after, dict) else after
        _merge(result, "services", id_, {part: value}, keep_null=True)
    elif part == "config" and kind == "volume":
        _merge(result, "volumes", id_, dict(after or {}))
    else:
        _cannot(result, change, f"an update of {part or 'nothing'} of a {kind} is not supported by the emulator")


def _delete(result: ChangeSetPlan, change: Change, id_: str) -> None:
    kind = _kind(change)
    if kind in _SERVICES:
        result.deleted.append(id_)
    elif kind == "group":
        _merge(result, "groups", id_, {"isDeleted": True})
    else:
        # Volumes are never deleted by an apply (fact: apply-keeps-volumes).
        _cannot(result, change, f"a {kind} is not deleted by a change set")


def _group(name: Any, ids: Mapping[str, str]) -> str | None:
    """Return the id of a group, which change sets refer to by its name."""
    known = [ids[at] for at in addresses("group", str(name)) if at in ids]
    return (known[-1] if known else str(name)) if name else None


def _source(source: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in source.items() if key != "type" and value is not None}


def _mounts(attachments: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    """Return the mounts of attachments, by volume id; an attachment names its volume by address, name or id."""
    found = {}
    for key, mount in attachments.items():
        given = {"mountPath": mount} if isinstance(mount, str) else dict(mount or {})
        at = str(given.get("volume") or key)
        known = ids.get(at if at.startswith("volume.") else f"volume.{at}", key)
        found[known] = {"mountPath": given["mountPath"]} if given.get("mountPath") else {}
    return found


def _variables(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: {"value": _text(value, names)}
        for name, value in values.items()
        if not (isinstance(value, dict) and value.get("type") == "preserve")
    }


def _text(value: Any, names: Mapping[str, str]) -> str:
    if not isinstance(value, dict):
        return str(value)
    kind = value.get("type")
    if kind == "reference":
        at = str(value.get("resource"))
        return f"${{{{{names.get(at, at.partition('.')[2] or at)}.{value.get('output')}}}}}"
    if kind == "sharedReference":
        return f"${{{{shared.{value.get('name')}}}}}"
    return str(value.get("value", ""))
