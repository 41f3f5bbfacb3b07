"""The program: settings in, components, outputs out."""

from __future__ import annotations

import os
from pathlib import Path

import pulumi

from components.agents import LivingAgents
from components.canary import Canary
from components.database import SERVICE as DATABASE_SERVICE
from components.database import Database, DatabaseSettings
from components.environment import EnvironmentPlace, EnvironmentSettings, RailwayEnvironment
from components.pool_manager import PoolManager
from components.runtime_image import ImageSource, RuntimeImage
from convos_infra.destroy.gate import AskedPool, DestroyGate, DestroyGateArgs
from convos_infra.endpoint import check_listening
from convos_infra.schema import check_reachable
from pool_contract.agent_settings import agent_settings
from railway_api.failure import Failure
from stack import config, images, pool_limits
from stack.follows import follows_stack
from stack.pool import pool_manager_settings
from stack.settings import PLAIN_KEYS, Problems, Settings

EXIT_AFTER_A_MESSAGE = 32
"""pulumi-language-python's code for "the user was told": after a RunError it adds an "unhandled error" of its own."""
AGENT_PREFIX = "convos-agent-"


def main() -> None:
    """Turn the stack's config into resources; a mistake in it ends here, before anything changes."""
    try:
        settings = config.read(os.environ)
        check_listening("railwayEndpoint", settings.endpoint)
        if settings.database_url:
            check_reachable(settings.database_url)
        runtime_source = images.runtime(settings, Path(__file__).parent)
        pool_source = images.pool(settings, Path(__file__).parent)
        images.check_schema(settings, Path(__file__).parent, runtime_source)
    except (Problems, Failure) as error:
        pulumi.log.error(str(error))
        raise SystemExit(EXIT_AFTER_A_MESSAGE) from None
    declare(settings, runtime_source, pool_source)


def declare(settings: Settings, runtime_source: ImageSource, pool_source: ImageSource | None) -> None:
    """Declare every resource of the stack and its outputs."""
    for warning in pool_limits.warnings(settings.pool.min_idle, settings.all_keys):
        pulumi.log.warn(warning)
    runtime = RuntimeImage("runtime", runtime_source)
    pool_image = RuntimeImage("pool", pool_source) if pool_source is not None else None
    environment, place = declare_environment(settings)
    keys: dict[str, pulumi.Input[str]] = {
        name: value if name in PLAIN_KEYS else pulumi.Output.secret(value) for name, value in settings.all_keys.items()
    }
    database = declare_database(settings, place)
    canary = Canary("canary", place, runtime.pinned, keys, agent_settings(settings.all_keys))
    pool_manager = PoolManager(
        "pool-manager",
        place,
        pool_manager_settings(
            settings,
            image=pool_image.pinned if pool_image is not None else None,
            runtime_image=runtime.pinned,
            database_url=database.service_url,
            keys=keys,
        ),
        after=[canary.ready, database.schema],
    )
    agents = LivingAgents("agents", pool_manager, settings.rollout.wait_seconds, AGENT_PREFIX)
    DestroyGate(
        "destroy-gate",
        DestroyGateArgs(
            project_id=place.project_id,
            environment_id=place.environment_id,
            environment_owned=environment.owned,
            services=[*database.services, canary.service, pool_manager.service],
            volumes=database.volumes,
            agent_prefix=AGENT_PREFIX,
            pool=AskedPool(
                *(pool_manager.service.id, pool_manager.url, pool_manager.api_key, pool_manager.mode),
                owned=pool_manager.service.owned,
            ),
            dropped_database=database.dropped,
            database_owned=database.schema.owned,
        ),
        pulumi.ResourceOptions(
            depends_on=[
                *(runtime, environment, database, canary, pool_manager, agents),
                *([pool_image] if pool_image is not None else []),
            ],
            protect=settings.protect or None,
        ),
    )
    export_image(runtime)
    pulumi.export("canary", canary.summary)
    pulumi.export("poolManager", {**pool_manager.summary, "apiKey": pool_manager.api_key})
    pulumi.export("agents", {**agents.summary, "keptIdle": settings.pool.min_idle})
    pulumi.export(
        "database", {"url": database.url, "host": database.schema.host, "schemaVersion": database.schema.version}
    )
    pulumi.export("railway", {"endpoint": settings.endpoint})


def declare_environment(settings: Settings) -> tuple[RailwayEnvironment, EnvironmentPlace]:
    """Declare the project and the environment; return them, and the place in which services are declared."""
    environment = RailwayEnvironment(
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
        ),
    )
    place = EnvironmentPlace(
        environment.project_id,
        environment.environment_id,
        settings.deployment_seconds,
        settings.health_seconds,
        settings.overwrite_changes,
        settings.protect,
    )
    pulumi.export(
        "environment",
        {
            "project": settings.project,
            "projectId": place.project_id,
            "name": settings.environment,
            "id": place.environment_id,
        },
    )
    return environment, place


def declare_database(settings: Settings, place: EnvironmentPlace) -> Database:
    """Declare the database, or take the one that the config names, and its schema."""
    return Database(
        "database",
        place,
        DatabaseSettings(
            settings.database_url,
            settings.database_image,
            settings.database_password,
            settings.migrations.policy,
            replace_volume=settings.replace_volume == DATABASE_SERVICE,
        ),
    )


def export_image(runtime: RuntimeImage) -> None:
    """Export which runtime image runs, and what chose it."""
    pulumi.export(
        "image",
        {
            "reference": runtime.pinned,
            "tag": runtime.tag,
            "digest": runtime.digest,
            "revision": runtime.revision,
            "created": runtime.created,
            "chosenBy": runtime.chosen_by,
        },
    )


main()
