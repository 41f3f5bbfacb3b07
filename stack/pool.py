"""The pool manager's arguments, made from a stack's settings. The program declares them; `make adopt` compares them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from components.database import DatabaseService, DatabaseSettings
from components.pool_manager import PoolManagerSettings, PoolService
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
        settings: the stack's settings.
        image: the pool manager's image, as it is deployed; None if Railway builds it.
        runtime_image: the image that new agents run, as it is deployed.
        database_url: the value of DATABASE_URL.
        keys: all keys of the settings; secret ones are Pulumi secrets if they are stored in a state.
    """
    return PoolManagerSettings(
        image=image,
        repo=settings.pool.repo,
        branch=settings.pool.branch,
        runtime_image=runtime_image,
        database_url=database_url,
        pool_environment=settings.pool.environment,
        min_idle=settings.pool.min_idle,
        rollout=settings.rollout.variables() if settings.improvements.rollouts else {},
        api_key=settings.pool.api_key,
        railway_endpoint=settings.pool.railway_endpoint,
        railway_token=settings.pool.railway_token,
        agent_url=settings.pool.agent_url,
        keep_token=settings.pool.keeps_token,
        keys=for_pool_manager(keys),
        secret_keys=[name for name in settings.keys if name not in PLAIN_KEYS],
        registry_login=settings.pool_login,
        seal=settings.improvements.seal,
        service=pool_service(settings),
    )


def pool_service(settings: Settings) -> PoolService:
    """Return the description of the pool manager's service."""
    pool = settings.pool
    return PoolService(
        name=pool.service,
        root_directory=pool.root_directory,
        start_command=pool.start_command,
        health_path=pool.health_path,
        volume=pool.volume,
        proxy_port=pool.proxy_port or None,
        domain=pool.domain,
        keeps=pool.kept,
    )


def database_settings(settings: Settings) -> DatabaseSettings:
    """Return the arguments of the database."""
    shape = settings.database
    service = DatabaseService(
        image=settings.database_image,
        password=settings.database_password,
        name=shape.service,
        user=shape.user,
        database=shape.name,
        port=shape.port,
        volume=shape.volume,
        proxy=shape.proxy,
        keeps=shape.kept,
        replace_volume=settings.replace_volume == shape.service,
    )
    schema = settings.migrations.policy if shape.schema_managed else None
    return DatabaseSettings(settings.database_url, service, schema, shape.service_url)
