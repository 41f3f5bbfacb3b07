"""Validates patches of an environment's config, as Railway does before it stores anything. Pure.

The message `Error in preDeployCommand - Invalid input` was seen on Railway (fact: pre-deploy-list); messages for other
paths have the same form. Every mutation is validated by these rules, and they cover everything that resolvers read, so
that a stored config can always be shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_VARIABLE = re.compile(r"^[A-Za-z_][A-Za-z0-9_.-]*$")
RESTART_POLICIES = ("ALWAYS", "NEVER", "ON_FAILURE")
HIGHEST_PORT = 65535
_HIGHEST = 2**31 - 1
"""The largest Int of GraphQL: a larger number could be stored, but not be returned."""
_PARTS = ("source", "build", "deploy", "networking", "variables", "volumeMounts")
Rule = Callable[[Any], bool]


def is_variable_name(name: str) -> bool:
    """Tell whether a variable may have this name."""
    return bool(_VARIABLE.match(name))


def is_port(value: Any) -> bool:
    """Tell whether a value is a port."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= HIGHEST_PORT


def _is_whole(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value <= _HIGHEST and value == int(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_commands(value: Any) -> bool:
    return isinstance(value, str) or (_is_texts(value) and len(value) <= 1)


def _is_regions(value: Any) -> bool:
    """Each region is null, or an object whose replicas are a whole number from 1."""
    return isinstance(value, dict) and all(
        region is None or (_is_object(region) and _is_replicas(region.get("numReplicas"))) for region in value.values()
    )


def _is_replicas(value: Any) -> bool:
    return value is None or (_is_whole(value) and value >= 1)


def _is_limits(value: Any) -> bool:
    containers = value.get("containers") if isinstance(value, dict) else 0
    return containers is None or (
        isinstance(containers, dict) and all(one is None or _is_amount(one) for one in containers.values())
    )


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")


def _is_login(value: Any) -> bool:
    return isinstance(value, dict) and all(one is None or isinstance(one, str) for one in value.values())


_RULES: Mapping[str, Mapping[str, Rule]] = {
    "source": {
        **dict.fromkeys(("image", "repo", "branch", "commitSha", "rootDirectory", "upstreamUrl"), _is_text),
        "checkSuites": _is_flag,
        "autoUpdates": _is_object,
    },
    "build": {
        **dict.fromkeys(("builder", "buildCommand", "dockerfilePath"), _is_text),
        "watchPatterns": _is_texts,
    },
    "deploy": {
        **dict.fromkeys(("startCommand", "healthcheckPath", "cronSchedule", "requiredMountPath"), _is_text),
        **dict.fromkeys(
            ("healthcheckTimeout", "restartPolicyMaxRetries", "overlapSeconds", "drainingSeconds"), _is_whole
        ),
        **dict.fromkeys(("sleepApplication", "ipv6EgressEnabled"), _is_flag),
        "preDeployCommand": _is_commands,
        "restartPolicyType": lambda value: value in RESTART_POLICIES,
        "numReplicas": _is_replicas,
        "multiRegionConfig": _is_regions,
        "limitOverride": _is_limits,
        "registryCredentials": _is_login,
    },
}


_OF_VOLUME: Mapping[str, Rule] = {"region": _is_text, "sizeMB": _is_replicas}


def broken(patch: Any) -> str:
    """Return the path of the first invalid value in a patch, or the empty string."""
    if not isinstance(patch, dict):
        return "patch"
    for key in ("services", "sharedVariables", "volumes", "buckets", "groups"):
        entries = patch.get(key)
        if entries is not None and not (_is_object(entries) and all(_is_entry(one) for one in entries.values())):
            return key
    for name, entry in (patch.get("sharedVariables") or {}).items():
        if not _is_variable(name, entry):
            return f"sharedVariables.{name}"
    for volume in (patch.get("volumes") or {}).values():
        found = _typed(volume or {}, _OF_VOLUME)
        if found:
            return found
    for group in (patch.get("groups") or {}).values():
        found = _first({key: group.get(key) for key in ("name", "color", "icon")} if group else {}, _is_text)
        if found or (group and group.get("isCollapsed") not in (None, True, False)):
            return found or "isCollapsed"
    return next((found for service in (patch.get("services") or {}).values() if (found := _service(service))), "")


def _is_entry(value: Any) -> bool:
    """Tell whether a value is null, or an object in which isCreated, isDeleted and isSealed are booleans or missing."""
    if value is None:
        return True
    return isinstance(value, dict) and all(
        value.get(flag) in (None, True, False) for flag in ("isCreated", "isDeleted", "isSealed")
    )


def _first(values: Mapping[str, Any], fits: Rule) -> str:
    return next((name for name, value in values.items() if value is not None and not fits(value)), "")


def _service(service: Any) -> str:
    if service is None:
        return ""
    for part in _PARTS:
        if service.get(part) is not None and not isinstance(service[part], dict):
            return part
    for name, entry in (service.get("variables") or {}).items():
        if not _is_variable(name, entry):
            return f"variables.{name}"
    for part, rules in _RULES.items():
        found = _typed(service.get(part) or {}, rules)
        if found:
            return found
    deploy, build = service.get("deploy") or {}, service.get("build") or {}
    if build.get("buildCommand") and build.get("buildCommand") == deploy.get("startCommand"):
        return "buildCommand"
    if service.get("configFile") is not None and not _is_text(service["configFile"]):
        return "configFile"
    return _mounts(service.get("volumeMounts") or {}) or _networking(service.get("networking") or {})


def _typed(given: Mapping[str, Any], rules: Mapping[str, Rule]) -> str:
    return next((name for name, fits in rules.items() if given.get(name) is not None and not fits(given[name])), "")


def _mounts(mounts: Mapping[str, Any]) -> str:
    for mount in mounts.values():
        if mount is None:
            continue
        path = mount.get("mountPath") if isinstance(mount, dict) else 0
        if path is not None and not (isinstance(path, str) and path.startswith("/")):
            return "volumeMounts"
    return ""


def _networking(networking: Mapping[str, Any]) -> str:
    for kind in ("serviceDomains", "customDomains", "tcpProxies"):
        entries = networking.get(kind)
        if entries is not None and not isinstance(entries, dict):
            return kind
        for name, entry in (entries or {}).items():
            if entry is not None and not isinstance(entry, dict):
                return f"{kind}.{name}"
            port = (entry or {}).get("port")
            if port is not None and not is_port(port):
                return f"{kind}.{name}.port"
            if kind == "tcpProxies" and not (str(name).isascii() and str(name).isdigit() and is_port(int(name))):
                return f"tcpProxies.{name}"
    return ""


def _is_variable(name: str, entry: Any) -> bool:
    if entry is None:
        return True
    if not isinstance(entry, dict) or not is_variable_name(name) or not _is_entry(entry):
        return False
    return entry.get("value") is None or isinstance(entry["value"], str)
