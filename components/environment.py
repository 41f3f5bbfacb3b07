"""`RailwayEnvironment`: the project and the environment that contain everything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi

from components import defaults
from convos_infra.railway.resources.environment import Environment, EnvironmentArgs
from convos_infra.railway.resources.project import Project, ProjectArgs


@dataclass(frozen=True)
class EnvironmentPlace:
    """The place in which every other component creates its services.

    Attributes:
        project_id, environment_id: Railway's ids.
        deployment_seconds, health_seconds: time limits for a deployment and for its health check.
        overwrite_changes: whether changes by others are overwritten.
        protect: whether Pulumi refuses to delete what has data or an identity.
        as_found: whether the first update after `make adopt` leaves unrepaired what is broken on Railway.
    """

    project_id: pulumi.Input[str]
    environment_id: pulumi.Input[str]
    deployment_seconds: int
    health_seconds: int
    overwrite_changes: bool
    protect: bool = False
    as_found: bool = False

    def inside(self, parent: pulumi.Resource) -> pulumi.ResourceOptions:
        """Return the options of a component's child resource that has data or an identity."""
        return pulumi.ResourceOptions(parent=parent, protect=self.protect or None)


@dataclass(frozen=True)
class EnvironmentSettings:
    """The arguments of a `RailwayEnvironment`; see Pulumi.yaml for each."""

    workspace: str
    project: str
    project_id: str
    environment: str
    environment_id: str
    agent_prefix: str
    protect: bool
    follows_stack: Sequence[str] = ()
    found: str = field(default="", repr=False)


class RailwayEnvironment(pulumi.ComponentResource):
    """A shared project, and this stack's own environment in it.

    Args:
        name: the resource's name.
        settings: which project and environment.
    """

    def __init__(self, name: str, settings: EnvironmentSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("convos:index:RailwayEnvironment", name, None, opts)
        project = Project(
            "project",
            ProjectArgs(name=settings.project, workspace=settings.workspace, project_id=settings.project_id),
            self._options(settings, settings.project, defaults.PROJECT),
        )
        environment = Environment(
            "environment",
            EnvironmentArgs(
                project_id=project.projectId,
                name=settings.environment,
                base_environment_id=project.baseEnvironmentId,
                environment_id=settings.environment_id,
                disposable_prefix=settings.agent_prefix,
                stack=pulumi.get_stack(),
                follows_stack=settings.follows_stack,
                found=settings.found,
            ),
            self._options(settings, settings.environment, pulumi.get_stack()),
        )
        self.project_id = project.projectId
        self.environment_id = environment.environmentId
        self.owned = environment.owned
        self.register_outputs({"projectId": self.project_id, "environmentId": self.environment_id})

    def _options(self, settings: EnvironmentSettings, *names: str) -> pulumi.ResourceOptions:
        """Return the options of a resource that is named by its role, so that a rename on Railway does not replace it.

        In states of release 0.1, the resource has its name on Railway, from the config or by default: the aliases.
        """
        aliases: list[str | pulumi.Alias] = [pulumi.Alias(name=name) for name in dict.fromkeys(names)]
        return pulumi.ResourceOptions(parent=self, protect=settings.protect or None, aliases=aliases)
