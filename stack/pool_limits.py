"""The warnings of a preview about a pool that may not fit into its Railway project."""

from __future__ import annotations

from collections.abc import Mapping

from pool_contract.agent_projects import AGENT_PROJECTS, PER_AGENT
from pool_contract.agent_settings import agent_settings

USUAL_VOLUMES, USUAL_SERVICES = 20, 100
"""The limits of Railway's Pro plan per project, unless they were raised; all environments of the project share them
(fact: volumes-per-project) (fact: services-per-project)."""
SURGE = 1
"""A rollout creates one agent before it moves the last idle one."""


def warnings(min_idle: int, keys: Mapping[str, str], *, services: int, volumes: int) -> list[str]:
    """Return a line for each limit that the stack and its warm agents exceed, before any agent is claimed.

    Args:
        min_idle: how many agents are kept warm.
        keys: the stack's `keys`.
        services: how many services the stack itself declares.
        volumes: how many volumes they have.
    """
    if keys.get(AGENT_PROJECTS) == PER_AGENT:
        return _of_projects(min_idle, int(keys.get("POOL_PROJECT_LIMIT") or 0))
    has_volume = bool(agent_settings(keys).volume)
    rows = (
        ("volumes", "POOL_VOLUME_LIMIT", USUAL_VOLUMES, volumes if has_volume else None),
        ("services", "POOL_SERVICE_LIMIT", USUAL_SERVICES, services),
    )
    found = []
    for name, variable, usual, own in rows:
        limit = int(keys.get(variable) or 0) or usual
        needed = 0 if own is None else own + min_idle + SURGE
        if needed > limit:
            told = f"set keys.{variable} to what Railway allows"
            step = f"{told}, or keys.POOL_AGENT_VOLUME to none" if name == "volumes" else told
            found.append(
                f"poolMinIdle: {min_idle} warm agents, a rollout and the stack need {needed} {name}, of which Railway"
                f" allows {limit} in a project; {step}"
            )
    return found


def _of_projects(min_idle: int, limit: int) -> list[str]:
    needed = min_idle + SURGE + 1  # the last one is the stack's own project
    if not limit or needed <= limit:
        return []
    allowed = f"of which Railway allows {limit} in the workspace"
    step = "set keys.POOL_PROJECT_LIMIT to what Railway allows"
    return [f"poolMinIdle: {min_idle} warm agents, a rollout and the stack need {needed} projects, {allowed}; {step}"]
