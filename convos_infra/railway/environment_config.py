"""A service's deployed configuration: the inputs of `ServiceInstance` <-> the `services.<id>` part of a config.

Pure. The declaration of an attribute in service_configuration.py has its path in Railway's EnvironmentConfig, and
Railway's default.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.railway import service_configuration
from convos_infra.railway.service_configuration import ATTRIBUTES

if TYPE_CHECKING:
    from convos_infra.railway.attribute import Attribute

Config = dict[str, Any]
FIELDS = ATTRIBUTES
BY_NAME = {field.name: field for field in FIELDS}
VARIABLES, SEALED = service_configuration.VARIABLES, service_configuration.SEALED
GIVEN = ("builder", "multiRegionConfig")
"""What Railway itself may set in a new service."""


def at(config: Mapping[str, Any], path: Iterable[str]) -> Any:
    """Return the value at `path`, or None."""
    found: Any = config
    for key in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(key)
    return found


def put(config: Config, path: tuple[str, ...], value: Any) -> None:
    """Set the value at `path`, in place."""
    for key in path[:-1]:
        config = config.setdefault(key, {})
    config[path[-1]] = value


def same(field: Attribute, left: Any, right: Any) -> bool:
    """Tell whether two values are equivalent; an absent value equals the default."""
    return bool(_normal(field, left) == _normal(field, right))


def makes_deployment(field: Attribute, before: Any, after: Any) -> bool:
    """Tell whether a change of an attribute makes Railway deploy."""
    return field.deploys(before, after)


def _normal(field: Attribute, value: Any) -> Any:
    if value is None or value == "" or value == [] or value == {}:
        return field.default
    if isinstance(value, float) and value.is_integer():
        # Pulumi's numbers are doubles.
        return int(value)
    if isinstance(value, Mapping):
        return {key: _normal(field, item) for key, item in value.items() if item is not None}
    return field.normal(value)


def to_config(field: Attribute, value: Any) -> Any:
    """Return an input's value in the form of the config."""
    return copy.deepcopy(_normal(field, value))


def live_fields(service: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties that are set in a service's config, by input name; unreadable ones are left out."""
    found = {field.name: at(service, field.path) for field in FIELDS if field.readable}
    return {name: value for name, value in found.items() if value is not None}


def changed_fields(recorded: Mapping[str, Any], service: Mapping[str, Any]) -> list[str]:
    """Name the recorded properties that differ in a service's config; unreadable ones are left out."""
    return [
        field.name
        for field in FIELDS
        if field.readable and field.name in recorded and not same(field, recorded[field.name], at(service, field.path))
    ]


def foreign_fields(recorded: Mapping[str, Any], service: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """Name the properties that are set in a service's config without being recorded.

    Args:
        recorded: the properties in the state.
        service: the service's part of an environment's config.
        known: properties that were set when the state was written.
    """
    left = [field for field in FIELDS if field.readable and field.name not in {*recorded, *known, *GIVEN}]
    return sorted(field.name for field in left if not same(field, None, at(service, field.path)))


def live_variables(service: Mapping[str, Any]) -> dict[str, str | None]:
    """Return a service's variables as stored, references unrendered; None for a sealed value."""
    entries = service.get(VARIABLES) or {}
    return {
        name: None if entry.get("isSealed") or entry.get("value") is None else str(entry["value"])
        for name, entry in entries.items()
        if isinstance(entry, Mapping)
    }


def buckets_here(config: Mapping[str, Any], listed: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the buckets in an environment's config, id -> name; the names are in the project's list."""
    names = {row["id"]: str(row.get("name") or row["id"]) for row in listed}
    here: Mapping[str, Any] = config.get("buckets") or {}
    return {id_: names.get(id_, id_) for id_, said in here.items() if said and not said.get("isDeleted")}
