"""A service's deployed configuration: the inputs of `ServiceInstance` <-> the `services.<id>` part of a config.

Pure. The table FIELDS is the only place that knows where a property lives in Railway's EnvironmentConfig (facts §2.9),
and which value Railway takes where none is set.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Config = dict[str, Any]
REGION = "us-west2"


@dataclass(frozen=True)
class Field:
    """One property.

    Attributes:
        name: the input's name, Railway's own.
        path: where it lives in `services.<id>`.
        default: what Railway does where it is absent; an input equal to it and an absent field are the same.
        readable: False for what Railway never shows again.
    """

    name: str
    path: tuple[str, ...]
    default: Any = None
    readable: bool = True


FIELDS = (
    Field("image", ("source", "image")),
    Field("repo", ("source", "repo")),
    Field("branch", ("source", "branch")),
    Field("rootDirectory", ("source", "rootDirectory")),
    Field("builder", ("build", "builder")),
    Field("buildCommand", ("build", "buildCommand")),
    Field("dockerfilePath", ("build", "dockerfilePath")),
    Field("watchPatterns", ("build", "watchPatterns")),
    Field("startCommand", ("deploy", "startCommand")),
    Field("preDeployCommand", ("deploy", "preDeployCommand")),
    Field("healthcheckPath", ("deploy", "healthcheckPath")),
    Field("healthcheckTimeout", ("deploy", "healthcheckTimeout"), 300),
    Field("restartPolicyType", ("deploy", "restartPolicyType"), "ON_FAILURE"),
    Field("restartPolicyMaxRetries", ("deploy", "restartPolicyMaxRetries"), 10),
    Field("cronSchedule", ("deploy", "cronSchedule")),
    Field("sleepApplication", ("deploy", "sleepApplication"), default=False),
    Field("overlapSeconds", ("deploy", "overlapSeconds"), 0),
    Field("drainingSeconds", ("deploy", "drainingSeconds"), 0),
    Field("requiredMountPath", ("deploy", "requiredMountPath")),
    Field("ipv6EgressEnabled", ("deploy", "ipv6EgressEnabled"), default=False),
    Field("multiRegionConfig", ("deploy", "multiRegionConfig")),
    Field("limitOverride", ("deploy", "limitOverride")),
    Field("registryCredentials", ("deploy", "registryCredentials"), readable=False),
)
BY_NAME = {field.name: field for field in FIELDS}
VARIABLES = "variables"
SEALED = "sealedVariables"


def at(config: Mapping[str, Any], path: Iterable[str]) -> Any:
    """Return what stands at `path`, or None."""
    found: Any = config
    for key in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(key)
    return found


def put(config: Config, path: tuple[str, ...], value: Any) -> None:
    """Set what stands at `path`, in place."""
    for key in path[:-1]:
        config = config.setdefault(key, {})
    config[path[-1]] = value


def same(field: Field, left: Any, right: Any) -> bool:
    """Tell whether two values mean the same, absent and default included."""
    return bool(_normal(field, left) == _normal(field, right))


def makes_deployment(field: Field, before: Any, after: Any) -> bool:
    """Tell whether Railway deploys for a change of a property: for all but the number of replicas in a region.

    Source: docs.railway.com deployments/scaling; another region is another place to run at.
    """
    if field.name != "multiRegionConfig":
        return True
    return _regions(before) != _regions(after)


def _regions(value: Any) -> set[str]:
    return set(value) if isinstance(value, Mapping) and value else {REGION}


def _normal(field: Field, value: Any) -> Any:
    if value is None or value == "" or value == [] or value == {}:
        return field.default
    if isinstance(value, float) and value.is_integer():
        # Pulumi's numbers are doubles.
        return int(value)
    if field.name == "preDeployCommand" and isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return {key: _normal(field, item) for key, item in value.items() if item is not None}
    return value


def to_config(field: Field, value: Any) -> Any:
    """Return an input's value as the config holds it."""
    return copy.deepcopy(_normal(field, value))


def live_fields(service: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties that are set in a service's config, by input name; unreadable ones are left out."""
    found = {field.name: at(service, field.path) for field in FIELDS if field.readable}
    return {name: value for name, value in found.items() if value is not None}


def changed_fields(recorded: Mapping[str, Any], service: Mapping[str, Any]) -> list[str]:
    """Name the recorded properties that a service's config has otherwise; unreadable ones are left out."""
    return [
        field.name
        for field in FIELDS
        if field.readable and field.name in recorded and not same(field, recorded[field.name], at(service, field.path))
    ]


def live_variables(service: Mapping[str, Any]) -> dict[str, str | None]:
    """Return a service's variables as stored, references unrendered; None for a sealed value."""
    entries = service.get(VARIABLES) or {}
    return {
        name: None if entry.get("isSealed") or entry.get("value") is None else str(entry["value"])
        for name, entry in entries.items()
        if isinstance(entry, Mapping)
    }
