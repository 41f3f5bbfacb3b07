"""Settings in, resources and outputs out: everything that a stack declares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi

from components.agents import Agents
from components.canary import Canary
from components.database import Database
from components.environment import EnvironmentPlace, EnvironmentSettings, RailwayEnvironment
from components.pool_manager import PoolManager
from components.runtime_image import ImageSource, RuntimeImage
from convos_infra.destroy.gate import AskedPool, DestroyGate, DestroyGateArgs
from convos_infra.railway import takeover
from convos_infra.railway.resources.shared_variables import SharedVariables, SharedVariablesArgs
from pool_contract.agent_settings import agent_settings
from stack.agent_keys import PLAIN_KEYS
from stack.follows import follows_stack
from stack.pool import database_settings, pool_manager_settings

if TYPE_CHECKING:
    from stack.settings import Settings

AGENT_PREFIX = "convos-agent-"


def declare(settings: Settings, runtime_source: ImageSource | None, pool_source: ImageSource | None) -> None:
    """Declare every resource of the stack and its outputs.

    Args:
        settings: what the stack's config says.
        runtime_source: where the runtime image comes from; None deploys it as it is written.
        pool_source: the same of the pool manager's; None also where Railway builds it.
    """
    runtime = RuntimeImage("runtime", runtime_source) if runtime_source is not None else None
    pool_image = RuntimeImage("pool", pool_source) if pool_source is not None else None
    runtime_image: pulumi.Input[str] = runtime.pinned if runtime is not None else settings.image.reference
    environment = _environment(settings)
    place = EnvironmentPlace(
        environment.project_id,
        environment.environment_id,
        settings.deployment_seconds,
        settings.health_seconds,
        settings.overwrite_changes,
        settings.protect,
        as_found=settings.improvements.adopted,
    )
    if settings.improvements.mark:
        variables = {takeover.VARIABLE: settings.stack}
        marked = SharedVariablesArgs(
            place.project_id, place.environment_id, variables, environment_owned=environment.owned
        )
        SharedVariables("marker", marked, pulumi.ResourceOptions(parent=environment))
    keys: dict[str, pulumi.Input[str]] = {
        name: value if name in PLAIN_KEYS else pulumi.Output.secret(value) for name, value in settings.all_keys.items()
    }
    is_database = bool(settings.database_url) or settings.database.managed
    database = Database("database", place, database_settings(settings)) if is_database else None
    canary = None
    if settings.improvements.canary:
        agent = agent_settings(settings.all_keys)
        canary = Canary("canary", place, runtime_image, keys, agent, settings.improvements.canary_service)
    pool_manager = PoolManager(
        "pool-manager",
        place,
        pool_manager_settings(
            settings,
            image=pool_image.pinned if pool_image is not None else settings.pool.image or None,
            runtime_image=runtime_image,
            database_url=database.service_url if database is not None else _elsewhere(settings),
            keys=keys,
        ),
        after=[*([canary.ready] if canary is not None else []), *(database.done if database is not None else [])],
    )
    agents = None
    if settings.improvements.rollouts:
        agents = Agents("agents", pool_manager, settings.rollout.wait_seconds, AGENT_PREFIX)
    declared = [runtime, environment, database, canary, pool_manager, agents, pool_image]
    schema = database.schema if database is not None else None
    DestroyGate(
        "destroy-gate",
        DestroyGateArgs(
            project_id=place.project_id,
            environment_id=place.environment_id,
            environment_owned=environment.owned,
            services=[
                *(database.services if database is not None else []),
                *([canary.service] if canary is not None else []),
                pool_manager.service,
            ],
            volumes=[*(database.volumes if database is not None else []), *pool_manager.volumes],
            agent_prefix=AGENT_PREFIX,
            pool=AskedPool(pool_manager.url, pool_manager.api_key, pool_manager.mode, pool_manager.service.owned),
            dropped_database=database.dropped if database is not None else None,
            database_owned=schema.owned if schema is not None else None,
        ),
        pulumi.ResourceOptions(
            depends_on=[one for one in declared if one is not None],
            protect=settings.protect or None,
        ),
    )
    _export(settings, place, runtime)
    if canary is not None:
        pulumi.export("canary", canary.summary)
    pulumi.export("poolManager", {**pool_manager.summary, "apiKey": pool_manager.api_key})
    if agents is not None:
        pulumi.export("agents", {**agents.summary, "keptIdle": settings.pool.min_idle})
    if database is not None:
        told: dict[str, Any] = {"url": database.url}
        if schema is not None:
            told |= {"host": schema.host, "schemaVersion": schema.version}
        pulumi.export("database", told)
    pulumi.export("railway", {"endpoint": settings.endpoint})


def _environment(settings: Settings) -> RailwayEnvironment:
    return RailwayEnvironment(
        "railway",
        EnvironmentSettings(
            workspace=settings.workspace,
            project=settings.project,
            project_id=settings.project_id,
            environment=settings.environment,
            environment_id=settings.environment_id,
            agent_prefix=AGENT_PREFIX,
            protect=settings.protect,
            follows_stack=follows_stack(pulumi.Config().get),
            found=settings.improvements.adopted_from,
        ),
    )


def _elsewhere(settings: Settings) -> pulumi.Input[str]:
    """Return the URL of a database that the stack does not manage, for the pool manager."""
    url = settings.database.service_url
    return pulumi.Output.secret(url) if url else ""


def _export(settings: Settings, place: EnvironmentPlace, runtime: RuntimeImage | None) -> None:
    """Export where the stack is and what it runs."""
    pulumi.export(
        "environment",
        {
            "project": settings.project,
            "projectId": place.project_id,
            "name": settings.environment,
            "id": place.environment_id,
        },
    )
    image: dict[str, Any] = {"reference": settings.image.reference, "chosenBy": "as written"}
    if runtime is not None:
        image = {
            "reference": runtime.pinned,
            "tag": runtime.tag,
            "digest": runtime.digest,
            "revision": runtime.revision,
            "created": runtime.created,
            "chosenBy": runtime.chosen_by,
        }
    pulumi.export("image", image)
