"""Declares every resource and every output of a stack from its settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

from components.agents import LivingAgents
from components.canary import Canary
from components.database import Database
from components.environment import EnvironmentPlace, EnvironmentSettings, RailwayEnvironment
from components.pool_manager import PoolManager
from components.railway_service import RailwayService
from components.runtime_image import ImageSource, RuntimeImage
from convos_infra.destroy.gate import AskedPool, DestroyGate, DestroyGateArgs
from convos_infra.railway import takeover
from convos_infra.railway.resources.shared_variables import SharedVariables, SharedVariablesArgs
from pool_contract.agent_settings import agent_settings
from pool_contract.service_names import AGENT_PREFIX
from stack import database_services, pool_limits
from stack.agent_keys import PLAIN_KEYS
from stack.databases import is_open
from stack.follows import follows_stack
from stack.pool import database_settings, pool_manager_settings

if TYPE_CHECKING:
    from convos_infra.railway.resources.service import Service
    from convos_infra.railway.resources.volume import Volume
    from stack.databases import FurtherDatabase
    from stack.settings import Settings


@dataclass(frozen=True)
class StackResources:
    """What a stack has declared; what its config leaves out is None."""

    environment: RailwayEnvironment
    place: EnvironmentPlace
    pool_manager: PoolManager
    runtime: RuntimeImage | None
    pool_image: RuntimeImage | None
    database: Database | None
    canary: Canary | None
    agents: LivingAgents | None
    databases: Sequence[RailwayService] = ()

    @property
    def components(self) -> list[pulumi.Resource]:
        """Every component."""
        own = (self.runtime, self.environment, self.database, self.canary, self.pool_manager, self.agents)
        return [one for one in (*own, self.pool_image, *self.databases) if one is not None]

    @property
    def services(self) -> list[Service]:
        """The services on Railway."""
        others = [*(self.database.services if self.database is not None else [])]
        others += [one.declared.service for one in self.databases]
        others += [self.canary.service] if self.canary is not None else []
        return [*others, self.pool_manager.service]

    @property
    def volumes(self) -> list[Volume]:
        """The volumes on Railway."""
        others = [volume for one in self.databases for volume in one.declared.volumes]
        return [*(self.database.volumes if self.database is not None else []), *others, *self.pool_manager.volumes]


def declare(settings: Settings, runtime_source: ImageSource | None, pool_source: ImageSource | None) -> None:
    """Declare every resource of the stack and its outputs.

    Args:
        settings: what the stack's config says.
        runtime_source: where the runtime image comes from; None deploys the reference in the config unresolved.
        pool_source: where the pool manager's image comes from; None does the same, or Railway builds it.
    """
    own = {"services": len(settings.service_names), "volumes": settings.volume_count}
    for warning in pool_limits.warnings(settings.pool.min_idle, settings.all_keys, **own):
        pulumi.log.warn(warning)
    runtime = RuntimeImage("runtime", runtime_source) if runtime_source is not None else None
    pool_image = RuntimeImage("pool", pool_source) if pool_source is not None else None
    runtime_image: pulumi.Input[str] = runtime.pinned if runtime is not None else settings.image.reference
    environment, place = _environment(settings)
    keys: dict[str, pulumi.Input[str]] = {
        name: value if name in PLAIN_KEYS else pulumi.Output.secret(value) for name, value in settings.all_keys.items()
    }
    is_database = bool(settings.database_url) or settings.database.managed
    database = Database("database", place, database_settings(settings)) if is_database else None
    databases = list(_databases(settings, place))
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
        after=[
            *([canary.ready] if canary is not None else []),
            *(database.done if database is not None else []),
            *(one.declared.ready for one in databases),
        ],
    )
    agents = None
    if settings.improvements.rollouts:
        agents = LivingAgents("agents", pool_manager, settings.rollout.wait_seconds, AGENT_PREFIX)
    made = StackResources(environment, place, pool_manager, runtime, pool_image, database, canary, agents, databases)
    _gate(settings, made)
    _export(settings, made)


def _environment(settings: Settings) -> tuple[RailwayEnvironment, EnvironmentPlace]:
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
            found=settings.improvements.adopted_from,
        ),
    )
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
    return environment, place


def _databases(settings: Settings, place: EnvironmentPlace) -> Iterator[RailwayService]:
    """Declare the databases beside the pool manager's own."""
    for entry in settings.databases.values():
        configured = database_services.configuration(entry, place, _as_secrets(entry))
        parts = database_services.parts(entry, settings.replace_volume)
        yield RailwayService(entry.service, place, configured, parts)


def _as_secrets(entry: FurtherDatabase) -> dict[str, pulumi.Input[str]]:
    values = entry.variables.items()
    return {name: value if is_open(name, value) else pulumi.Output.secret(value) for name, value in values}


def _gate(settings: Settings, made: StackResources) -> None:
    """Declare the gate, which a destroy deletes first, and which refuses if something must not be deleted."""
    pool_manager, database = made.pool_manager, made.database
    schema = database.schema if database is not None else None
    DestroyGate(
        "destroy-gate",
        DestroyGateArgs(
            project_id=made.place.project_id,
            environment_id=made.place.environment_id,
            environment_owned=made.environment.owned,
            services=made.services,
            volumes=made.volumes,
            agent_prefix=AGENT_PREFIX,
            pool=AskedPool(
                pool_manager.service.id,
                pool_manager.url,
                pool_manager.api_key,
                pool_manager.mode,
                owned=pool_manager.service.owned,
            ),
            dropped_database=database.dropped if database is not None else None,
            database_owned=schema.owned if schema is not None else None,
        ),
        # An update does not show these inputs: only a destroy reads them.
        pulumi.ResourceOptions(
            depends_on=made.components,
            protect=settings.protect or None,
            hide_diffs=["poolUrl", "poolMode", "services", "volumes"],
        ),
    )


def _elsewhere(settings: Settings) -> pulumi.Input[str]:
    """Return the pool manager's database URL if the stack does not manage the database."""
    url = settings.database.service_url
    return pulumi.Output.secret(url) if url else ""


def _export(settings: Settings, made: StackResources) -> None:
    """Export where the stack is, what it runs and at which addresses."""
    pulumi.export(
        "environment",
        {
            "project": settings.project,
            "projectId": made.place.project_id,
            "name": settings.environment,
            "id": made.place.environment_id,
        },
    )
    pulumi.export("image", _image(settings, made.runtime))
    if made.canary is not None:
        pulumi.export("canary", made.canary.summary)
    pulumi.export("poolManager", {**made.pool_manager.summary, "apiKey": made.pool_manager.api_key})
    if made.agents is not None:
        pulumi.export("agents", {**made.agents.summary, "keptIdle": settings.pool.min_idle})
    if made.database is not None:
        told: dict[str, Any] = {"url": made.database.url}
        if (schema := made.database.schema) is not None:
            told |= {"host": schema.host, "schemaVersion": schema.version}
        pulumi.export("database", told)
    pulumi.export("railway", {"endpoint": settings.endpoint})


def _image(settings: Settings, runtime: RuntimeImage | None) -> dict[str, Any]:
    """Return the output `image`: the runtime image, and what chose it."""
    if runtime is None:
        return {"reference": settings.image.reference, "chosenBy": "as written"}
    return {
        "reference": runtime.pinned,
        "tag": runtime.tag,
        "digest": runtime.digest,
        "revision": runtime.revision,
        "created": runtime.created,
        "chosenBy": runtime.chosen_by,
    }
