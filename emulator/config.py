"""An environment's config, pure: deep merge, masking, and which services a patch deploys."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

Config = dict[str, Any]
DEPLOYING = ("source", "build", "deploy", "variables")
# Scaling starts and stops replicas of the running deployment, and makes no new one (fact: scaling-keeps-deployment).
SCALING = ("multiRegionConfig", "numReplicas")
DEFAULT_REGION = "us-west2"


def merged(base: Any, patch: Any) -> Any:
    """Return `base` with `patch` laid over it (fact: patch-null-removes): objects merge, anything else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(base) if isinstance(base, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def masked(config: Config, *, decrypt: bool) -> Config:
    """Return a config, or a patch, as clients read it (fact: masked-config).

    Values of variables are shown only if `decrypt` is set; sealed values and passwords of registries never are.
    """
    shown = copy.deepcopy(config)
    services = [service for service in (shown.get("services") or {}).values() if service]
    for variables in [shown.get("sharedVariables"), *(service.get("variables") for service in services)]:
        for variable in (variables or {}).values():
            if variable and (not decrypt or variable.get("isSealed")):
                variable["value"] = None
    for service in services:
        login = (service.get("deploy") or {}).get("registryCredentials")
        if login:
            service["deploy"]["registryCredentials"] = {"username": login.get("username"), "password": "*****"}
    return shown


def etag(config: Config) -> str:
    """Return the ETag of a config: an opaque text that changes with it."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:32]


def deploys(before: Config, after: Config) -> bool:
    """Tell whether a service's new config differs in a part that only a deployment applies."""
    if not has_source(after):
        return False
    return _deploying_part(before) != _deploying_part(after)


def has_source(service: Config) -> bool:
    """Tell whether there is anything to deploy."""
    source = service.get("source") or {}
    return bool(source.get("image") or source.get("repo"))


def _deploying_part(service: Config) -> Config:
    part = {key: copy.deepcopy(service.get(key)) or {} for key in DEPLOYING}
    # A change of regions deploys; a change of the number of replicas in the same regions does not.
    regions = sorted(part["deploy"].get("multiRegionConfig") or {DEFAULT_REGION: {}})
    for key in SCALING:
        part["deploy"].pop(key, None)
    part["deploy"]["regions"] = regions
    return part


def replicas(deploy: Config) -> int:
    """Return how many replicas a service has, in all its regions."""
    regions = deploy.get("multiRegionConfig") or {}
    return sum((region or {}).get("numReplicas", 1) for region in regions.values()) or deploy.get("numReplicas") or 1


def sealed(before: Config, after: Config) -> Config:
    """Return `after` with every variable sealed that was sealed in `before` (fact: sealed-stays)."""
    owners = [(before, after, "sharedVariables")]
    old, new = before.get("services", {}), after.get("services", {})
    owners += [(old[id_], new[id_], "variables") for id_ in new if id_ in old]
    for earlier, later, key in owners:
        for name, entry in (earlier.get(key) or {}).items():
            if entry.get("isSealed") and name in (later.get(key) or {}):
                later[key][name]["isSealed"] = True
    return after
