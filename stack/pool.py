"""The pool manager's arguments, from a stack's settings: what the program declares and what `make adopt` compares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from components.pool_manager import PoolManagerSettings
from stack.agent_keys import PLAIN_KEYS, for_pool_manager

if TYPE_CHECKING:
    import pulumi

    from stack.settings import Settings


def pool_manager_settings(
    settings: Settings,
    *,
    image: pulumi.Input[str] | None,
    runtime_image: pulumi.Input[str],
    database_url: pulumi.Input[str],
    keys: Mapping[str, pulumi.Input[str]],
) -> PoolManagerSettings:
    """Return the arguments.

    Args:
        settings: all that the stack's config says.
        image: the pool manager's own, as it is deployed; None where Railway builds it.
        runtime_image: what new agents run, as it is deployed.
        database_url: for its variable.
        keys: all those of the settings, the secret ones as Pulumi's secrets where they go into a state.
    """
    return PoolManagerSettings(
        image=image,
        repo=settings.pool.repo,
        branch=settings.pool.branch,
        runtime_image=runtime_image,
        database_url=database_url,
        pool_environment=settings.pool.environment,
        min_idle=settings.pool.min_idle,
        rollout=settings.rollout.variables(),
        api_key=settings.pool.api_key,
        railway_endpoint=settings.pool.railway_endpoint,
        railway_token=settings.pool.railway_token,
        agent_url=settings.pool.agent_url,
        keep_token=settings.pool.keep_token,
        keys=for_pool_manager(keys),
        secret_keys=[name for name in settings.keys if name not in PLAIN_KEYS],
        registry_login=settings.pool_login,
    )
