"""What a patch may hold, pure: the rules that Railway's API enforces before it stores anything.

`Error in preDeployCommand - Invalid input` is the wording that was seen (fact: pre-deploy-list); other paths are worded
alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_VARIABLE = re.compile(r"^[A-Za-z_][A-Za-z0-9_.-]*$")
RESTART_POLICIES = ("ALWAYS", "NEVER", "ON_FAILURE")
HIGHEST_PORT = 65535
_OBJECTS = ("services", "sharedVariables", "volumes", "buckets", "groups")
_PARTS = ("source", "build", "deploy", "networking", "variables", "volumeMounts")


def is_variable_name(name: str) -> bool:
    """Tell whether a variable may be called so."""
    return bool(_VARIABLE.match(name))


def is_port(value: Any) -> bool:
    """Tell whether a value is a port."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= HIGHEST_PORT


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == int(value) and value >= 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_commands(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and len(value) <= 1)


_DEPLOY: Mapping[str, Callable[[Any], bool]] = {
    "startCommand": _is_text,
    "preDeployCommand": _is_commands,
    "healthcheckPath": _is_text,
    "healthcheckTimeout": _is_whole,
    "restartPolicyType": lambda value: value in RESTART_POLICIES,
    "restartPolicyMaxRetries": _is_whole,
    "numReplicas": _is_whole,
    "overlapSeconds": _is_whole,
    "drainingSeconds": _is_whole,
    "cronSchedule": _is_text,
    "sleepApplication": lambda value: isinstance(value, bool),
    "multiRegionConfig": lambda value: isinstance(value, dict),
    "limitOverride": lambda value: isinstance(value, dict),
    "registryCredentials": lambda value: isinstance(value, dict),
}


def broken(patch: Any) -> str:
    """Return the path of the first thing in a patch that cannot be, or the empty string."""
    if not isinstance(patch, dict):
        return "patch"
    for key in _OBJECTS:
        if patch.get(key) is not None and not isinstance(patch[key], dict):
            return key
    for name, entry in (patch.get("sharedVariables") or {}).items():
        if not _is_variable(name, entry):
            return f"sharedVariables.{name}"
    for service in (patch.get("services") or {}).values():
        found = _broken_service(service)
        if found:
            return found
    return ""


def _broken_service(service: Any) -> str:
    if service is None:
        return ""
    if not isinstance(service, dict):
        return "services"
    for part in _PARTS:
        if service.get(part) is not None and not isinstance(service[part], dict):
            return part
    for name, entry in (service.get("variables") or {}).items():
        if not _is_variable(name, entry):
            return f"variables.{name}"
    deploy, build = service.get("deploy") or {}, service.get("build") or {}
    for name, fits in _DEPLOY.items():
        if deploy.get(name) is not None and not fits(deploy[name]):
            return name
    if build.get("buildCommand") and build.get("buildCommand") == deploy.get("startCommand"):
        return "buildCommand"
    return _broken_networking(service.get("networking") or {})


def _broken_networking(networking: Mapping[str, Any]) -> str:
    for kind in ("serviceDomains", "customDomains", "tcpProxies"):
        entries = networking.get(kind)
        if entries is not None and not isinstance(entries, dict):
            return kind
        for name, entry in (entries or {}).items():
            port = entry.get("port") if isinstance(entry, dict) else None
            if port is not None and not is_port(port):
                return f"{kind}.{name}.port"
            if kind == "tcpProxies" and not (str(name).isdigit() and is_port(int(name))):
                return f"tcpProxies.{name}"
    return ""


def _is_variable(name: str, entry: Any) -> bool:
    if entry is None:
        return True
    if not isinstance(entry, dict) or not is_variable_name(name):
        return False
    return entry.get("value") is None or isinstance(entry["value"], str)
