"""`ServiceConfiguration`: the configuration of a service. Each attribute is declared here, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from convos_infra.railway import rules
from convos_infra.railway.attribute import attribute, attributes_of, camel

if TYPE_CHECKING:
    import pulumi

VARIABLES = "variables"
SEALED = "sealedVariables"
AS_FOUND = "asFound"
KEPT = "kept"


@dataclass(frozen=True, kw_only=True)
class ServiceConfiguration:
    """How a service is built, deployed and run. An attribute that is None is not managed: Railway's value is kept.

    The fields that are declared by `attribute` are described in docs/service-attributes.md; these are the others:

    Attributes:
        variables: name -> value; a reference `${{service.NAME}}` is stored as it is.
        sealed_variables: names whose values Railway must never show again.
        given_by: variable -> the command that gives the stack a secret that only the running service has.
        unmanaged_variables: `keep` or `remove` variables that somebody else set.
        overwrite_changes: whether values that somebody changed since the last update are overwritten.
        as_found: whether a takeover of the service leaves what is broken in it as it is.
        kept: names of variables and attributes that are left to Railway, even if an earlier update has set them.
    """

    image: pulumi.Input[str] | None = attribute(
        "source",
        about="The image to run, best pinned by digest.",
        example="ghcr.io/example/web:2@sha256:" + "b" * 64,
        rule=rules.image_problem,
        excludes="repo",
    )
    repo: pulumi.Input[str] | None = attribute(
        "source", about="The GitHub repository to build.", example="example/web", rule=rules.repo_problem
    )
    branch: pulumi.Input[str] | None = attribute(
        "source", about="The branch of the repository.", example="main", rule=rules.text_problem, needs="repo"
    )
    root_directory: pulumi.Input[str] | None = attribute(
        "source", about="The folder of the repository to build.", example="pool", rule=rules.text_problem
    )
    builder: pulumi.Input[str] | None = attribute(
        "build", about="What builds the repository.", example="NIXPACKS", rule=rules.builder_problem
    )
    build_command: pulumi.Input[str] | None = attribute(
        "build", about="The command that builds the repository.", example="make", rule=rules.text_problem
    )
    dockerfile_path: pulumi.Input[str] | None = attribute(
        "build",
        about="The path of the Dockerfile.",
        example="docker/Dockerfile",
        rule=rules.text_problem,
        builder="DOCKERFILE",
    )
    railpack_version: pulumi.Input[str] | None = attribute(
        "build", about="The release of Railpack.", example="0.9.1", rule=rules.version_problem, builder="RAILPACK"
    )
    nixpacks_version: pulumi.Input[str] | None = attribute(
        "build", about="The release of Nixpacks.", example="1.41.0", rule=rules.version_problem, builder="NIXPACKS"
    )
    nixpacks_config_path: pulumi.Input[str] | None = attribute(
        "build",
        about="The path of the configuration of Nixpacks.",
        example="pool/nixpacks.toml",
        rule=rules.text_problem,
        builder="NIXPACKS",
    )
    watch_patterns: pulumi.Input[Sequence[str]] | None = attribute(
        "build",
        about="Patterns of files: only a push that changes one of them deploys.",
        example=["/pool/**"],
        rule=rules.texts_problems,
    )
    start_command: pulumi.Input[str] | None = attribute(
        "deploy", about="The command that starts the service.", example="run", rule=rules.text_problem
    )
    pre_deploy_command: pulumi.Input[Sequence[str]] | None = attribute(
        "deploy",
        about="The command that runs before each deployment, as a list of one: Railway refuses longer lists.",
        example=["migrate"],
        rule=rules.command_problems,
        normal=rules.listed,
    )
    healthcheck_path: pulumi.Input[str] | None = attribute(
        "deploy",
        about="The path that must answer 200 before a deployment serves.",
        example="/health",
        rule=rules.health_path_problem,
    )
    healthcheck_timeout: pulumi.Input[int] | None = attribute(
        "deploy",
        about="Seconds within which the health check has to succeed.",
        example=20,
        rule=rules.whole_from(1),
        default=300,
    )
    restart_policy_type: pulumi.Input[str] | None = attribute(
        "deploy",
        about="Whether a container that ended is started again.",
        example="ALWAYS",
        rule=rules.restart_policy_problem,
        default="ON_FAILURE",
    )
    restart_policy_max_retries: pulumi.Input[int] | None = attribute(
        "deploy",
        about="How often a container that failed is started again.",
        example=3,
        rule=rules.whole_from(0),
        default=10,
    )
    cron_schedule: pulumi.Input[str] | None = attribute(
        "deploy",
        about="When the service runs, as five fields of cron in UTC.",
        example="*/5 * * * *",
        rule=rules.cron_problem,
    )
    sleep_application: pulumi.Input[bool] | None = attribute(
        "deploy",
        about="Whether the service sleeps while it sends nothing.",
        example=True,
        rule=rules.switch_problem,
        default=False,
    )
    overlap_seconds: pulumi.Input[int] | None = attribute(
        "deploy",
        about="Seconds that the old deployment runs beside the new one.",
        example=5,
        rule=rules.whole_from(0),
        default=0,
    )
    draining_seconds: pulumi.Input[int] | None = attribute(
        "deploy",
        about="Seconds between SIGTERM and SIGKILL.",
        example=7,
        rule=rules.whole_from(0),
        default=0,
    )
    required_mount_path: pulumi.Input[str] | None = attribute(
        "deploy",
        about="Where a volume has to be mounted.",
        example="/data",
        rule=rules.mount_path_problem,
    )
    ipv6_egress_enabled: pulumi.Input[bool] | None = attribute(
        "deploy",
        about="Whether the service can reach IPv6 addresses.",
        example=True,
        rule=rules.switch_problem,
        default=False,
    )
    multi_region_config: pulumi.Input[Mapping[str, Any]] | None = attribute(
        "deploy",
        about="The replicas in each region, as {region: {numReplicas}}. Another number there does not deploy.",
        example={"europe-west4-drams3a": {"numReplicas": 2}},
        rule=rules.region_problems,
        deploys=rules.other_regions,
    )
    limit_override: pulumi.Input[Mapping[str, Any]] | None = attribute(
        "deploy",
        about="The limits of a replica, as {containers: {cpu, memoryBytes, diskBytes}}.",
        example={"containers": {"cpu": 2, "memoryBytes": 4_000_000_000}},
        rule=rules.limit_problems,
    )
    registry_credentials: pulumi.Input[Mapping[str, Any]] | None = attribute(
        "deploy",
        about="The login to the image's registry, as {username, password}. Railway never shows it again.",
        example={"username": "u", "password": "p4ss"},
        rule=rules.login_problems,
        readable=False,
    )
    variables: pulumi.Input[Mapping[str, pulumi.Input[str]]] = field(default_factory=dict)
    sealed_variables: Sequence[str] = ()
    given_by: Mapping[str, str] = field(default_factory=dict)
    unmanaged_variables: str = "keep"
    overwrite_changes: bool = False
    as_found: bool = False
    kept: Sequence[str] = ()

    def configured(self) -> dict[str, Any]:
        """Return the configuration under the names that it has on Railway and in the state."""
        found = {camel(item.name): getattr(self, item.name) for item in fields(ServiceConfiguration)}
        found[SEALED] = sorted(self.sealed_variables) or None
        found["overwriteChanges"] = self.overwrite_changes or None
        found[AS_FOUND] = self.as_found or None
        found[KEPT] = sorted(self.kept) or None
        found["givenBy"] = dict(self.given_by) or None
        return found


ATTRIBUTES = attributes_of(ServiceConfiguration)
CONFIGURED = tuple(camel(item.name) for item in fields(ServiceConfiguration))
"""The inputs that a configuration has, attributes or not."""
