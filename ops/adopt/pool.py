"""A pool manager's variables -> the config keys that set them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from convos_infra.rollout.policy import RolloutPolicy
from stack.settings import POOL_ENVIRONMENTS

_ROLLOUT = {
    "POOL_ROLLOUT_POLICY": ("rolloutPolicy", "kind", 0),
    "POOL_ROLLOUT_CANARY": ("rolloutCanary", "canary", 1),
    "POOL_ROLLOUT_BATCH": ("rolloutBatch", "batch", 1),
    "POOL_ROLLOUT_MAX_UNAVAILABLE": ("rolloutMaxUnavailable", "max_unavailable", 1),
    "POOL_ROLLOUT_BAKE_MS": ("rolloutBake", "bake_seconds", 1000),
    "POOL_ROLLOUT_READY_TIMEOUT_MS": ("rolloutReady", "ready_seconds", 1000),
    "POOL_ROLLOUT_DEADLINE_MS": ("rolloutDeadline", "deadline_seconds", 1000),
    "POOL_ROLLOUT_CLAIMED": ("rolloutClaimed", "claimed", 0),
}
"""Variable of the pool manager -> config key, attribute of `RolloutPolicy`, units of the variable in one of the key."""
_URLS = {"RAILWAY_API_URL": "poolRailwayEndpoint", "POOL_AGENT_URL": "poolAgentUrl"}


def pool_settings(stack: str, told: Mapping[str, str | None]) -> dict[str, str]:
    """Return the keys that are not secret; what is the default, or no value of a key, is left out.

    Args:
        stack: the name of the stack that will have them.
        told: the pool manager's variables; None for a sealed one.
    """
    found: dict[str, str] = {}
    environment = told.get("POOL_ENVIRONMENT")
    default = stack if stack in POOL_ENVIRONMENTS else POOL_ENVIRONMENTS[0]
    if environment in POOL_ENVIRONMENTS and environment != default:
        found["poolEnvironment"] = environment
    idle = told.get("POOL_MIN_IDLE") or ""
    if idle.isdecimal() and idle != "3":
        found["poolMinIdle"] = idle
    for name, key in _URLS.items():
        if told.get(name):
            found[key] = str(told[name])
    return found | dict(_rollout(told))


def _rollout(told: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    default = RolloutPolicy()
    for name, (key, attribute, units) in _ROLLOUT.items():
        value = told.get(name) or ""
        if units and not value.isdecimal():
            continue
        text = str(int(value) // units) if units else value
        if text and text != str(getattr(default, attribute)):
            yield key, text
