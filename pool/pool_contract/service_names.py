"""Names of services that both the program and the pool manager use."""

from __future__ import annotations

from collections.abc import Collection, Mapping

AGENT_PREFIX = "convos-agent-"
"""The prefix of every agent's service."""
POOL_MANAGER = "convos-agent-pool-manager"
"""The pool manager's own service, which has the same prefix."""


def agents_in(services: Mapping[str, str], own: Collection[str], prefix: str = AGENT_PREFIX) -> set[str]:
    """Return the ids of the services that are agents.

    The names of a team's pool manager, canary or database may have the prefix of agents. So services that are known to
    be something else are excluded first.

    Args:
        services: the name of each service of an environment, by id.
        own: the ids of the services that belong to the stack, or to the calling pool manager.
        prefix: the prefix of agents' names; if it is empty, no service is an agent.
    """
    return {id_ for id_, name in services.items() if id_ not in own and _is_named_as_agent(name, prefix)}


def is_left_by_agent(volume: str, own: Collection[str], prefix: str = AGENT_PREFIX) -> bool:
    """Tell whether an unmounted volume was an agent's: by default, Railway begins its name with the service's.

    Args:
        volume: its name.
        own: the names of the services that belong to the stack.
        prefix: as for `agents_in`.
    """
    theirs = (*own, POOL_MANAGER)
    return _is_named_as_agent(volume, prefix) and not any(
        volume == one or volume.startswith(f"{one}-") for one in theirs
    )


def _is_named_as_agent(name: str, prefix: str) -> bool:
    return bool(prefix) and name.startswith(prefix) and name != POOL_MANAGER
