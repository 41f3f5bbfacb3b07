"""Names of services that both the program and the pool manager go by."""

from __future__ import annotations

from collections.abc import Collection, Mapping

AGENT_PREFIX = "convos-agent-"
"""Every agent's service has a name that begins so."""
POOL_MANAGER = "convos-agent-pool-manager"
"""The pool manager's own service, which begins so as well."""


def agents_in(services: Mapping[str, str], own: Collection[str], prefix: str = AGENT_PREFIX) -> set[str]:
    """Return the ids of the services that are agents.

    A team may give its pool manager, its canary or a database a name that begins as an agent's does. What is known to
    be something else is therefore looked at before the name.

    Args:
        services: the name of each service of an environment, by id.
        own: the ids of the services that the stack, or the pool manager that asks, knows as its own.
        prefix: how agents' names begin; with an empty one no service is an agent.
    """
    return {id_ for id_, name in services.items() if id_ not in own and _is_named_as_agent(name, prefix)}


def is_left_by_agent(volume: str, own: Collection[str], prefix: str = AGENT_PREFIX) -> bool:
    """Tell whether a volume that is mounted nowhere was an agent's, by its name: Railway begins it with the service's.

    Args:
        volume: its name.
        own: the names of the services that the stack knows as its own.
        prefix: as for `agents_in`.
    """
    theirs = (*own, POOL_MANAGER)
    return _is_named_as_agent(volume, prefix) and not any(
        volume == one or volume.startswith(f"{one}-") for one in theirs
    )


def _is_named_as_agent(name: str, prefix: str) -> bool:
    return bool(prefix) and name.startswith(prefix) and name != POOL_MANAGER
