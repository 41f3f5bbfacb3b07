"""The inputs of a `ServiceInstance`, and the rules that Railway would enforce only after something was changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure

from convos_infra.provider import Props, has_unknown, is_unknown
from convos_infra.railway import rules
from convos_infra.railway.bound import BOUND, Bound
from convos_infra.railway.environment_config import SEALED, VARIABLES
from convos_infra.railway.resources.properties import (
    BUILDERS,
    REGIONS,
    RESTART_POLICIES,
    id_failures,
    variable_failures,
    whole,
)
from convos_infra.railway.resources.service_at import ServiceAt

_SNAKE = {
    "root_directory": "rootDirectory",
    "build_command": "buildCommand",
    "dockerfile_path": "dockerfilePath",
    "watch_patterns": "watchPatterns",
    "start_command": "startCommand",
    "pre_deploy_command": "preDeployCommand",
    "healthcheck_path": "healthcheckPath",
    "healthcheck_timeout": "healthcheckTimeout",
    "restart_policy_type": "restartPolicyType",
    "restart_policy_max_retries": "restartPolicyMaxRetries",
    "cron_schedule": "cronSchedule",
    "sleep_application": "sleepApplication",
    "overlap_seconds": "overlapSeconds",
    "draining_seconds": "drainingSeconds",
    "required_mount_path": "requiredMountPath",
    "ipv6_egress_enabled": "ipv6EgressEnabled",
    "multi_region_config": "multiRegionConfig",
    "limit_override": "limitOverride",
    "registry_credentials": "registryCredentials",
    "sealed_variables": SEALED,
    "unmanaged_variables": "unmanagedVariables",
    "overwrite_changes": "overwriteChanges",
    "given_by": "givenBy",
}
_SECONDS = ("healthcheckTimeout", "overlapSeconds", "drainingSeconds", "restartPolicyMaxRetries")


@dataclass(frozen=True)
class ServiceInstanceArgs:
    """The inputs of a `ServiceInstance`. What is None is not managed: Railway's value stays.

    Attributes:
        at: which service instance.
        image: what to run, best pinned by digest; or `repo` with `branch` and `root_directory`.
        healthcheck_timeout, overlap_seconds, draining_seconds: seconds.
        multi_region_config: region -> {numReplicas}; a change of it scales without a deployment.
        limit_override: {containers: {cpu, memoryBytes}}.
        registry_credentials: {username, password}; Railway never shows them again.
        variables: name -> value, references `${{service.NAME}}` as they are.
        sealed_variables: names whose values Railway must never show again.
        unmanaged_variables: `keep` or `remove` variables that somebody else set.
        overwrite_changes: whether values that somebody changed since the last update are overwritten.
        bound: the volumes, proxies and domains of the service: one that is made anew or mounted takes a deployment.
    """

    at: ServiceAt
    image: pulumi.Input[str] | None = None
    repo: pulumi.Input[str] | None = None
    branch: pulumi.Input[str] | None = None
    root_directory: pulumi.Input[str] | None = None
    builder: pulumi.Input[str] | None = None
    build_command: pulumi.Input[str] | None = None
    dockerfile_path: pulumi.Input[str] | None = None
    watch_patterns: pulumi.Input[Sequence[str]] | None = None
    start_command: pulumi.Input[str] | None = None
    pre_deploy_command: pulumi.Input[Sequence[str]] | None = None
    healthcheck_path: pulumi.Input[str] | None = None
    healthcheck_timeout: pulumi.Input[int] | None = None
    restart_policy_type: pulumi.Input[str] | None = None
    restart_policy_max_retries: pulumi.Input[int] | None = None
    cron_schedule: pulumi.Input[str] | None = None
    sleep_application: pulumi.Input[bool] | None = None
    overlap_seconds: pulumi.Input[int] | None = None
    draining_seconds: pulumi.Input[int] | None = None
    required_mount_path: pulumi.Input[str] | None = None
    ipv6_egress_enabled: pulumi.Input[bool] | None = None
    multi_region_config: pulumi.Input[Mapping[str, Any]] | None = None
    limit_override: pulumi.Input[Mapping[str, Any]] | None = None
    registry_credentials: pulumi.Input[Mapping[str, Any]] | None = None
    variables: pulumi.Input[Mapping[str, pulumi.Input[str]]] = field(default_factory=dict)
    sealed_variables: Sequence[str] = ()
    given_by: Mapping[str, str] = field(default_factory=dict)
    unmanaged_variables: str = "keep"
    overwrite_changes: bool = False
    bound: Bound | None = None

    def properties(self) -> dict[str, Any]:
        """Return the inputs under the names that they have on Railway and in the state."""
        own = [item.name for item in fields(self) if item.name not in ("at", "bound")]
        found = {**self.at.properties(), **{_SNAKE.get(name, name): getattr(self, name) for name in own}}
        found[SEALED] = sorted(self.sealed_variables) or None
        found["overwriteChanges"] = self.overwrite_changes or None
        found["givenBy"] = dict(self.given_by) or None
        found[BOUND] = (self.bound.properties() if self.bound is not None else None) or None
        return found


def failures(news: Props) -> list[CheckFailure]:
    """Check every property; what is not known yet is let pass."""
    found = id_failures(news, "projectId", "environmentId", "serviceId")
    found += variable_failures(VARIABLES, news.get(VARIABLES))
    found += _source_failures(news)
    found += _deploy_failures(news)
    found += _region_failures(news)
    names = set(news.get(VARIABLES) or {})
    found += [
        CheckFailure(SEALED, f"{name} is no variable of this service")
        for name in news.get(SEALED) or ()
        if name not in names
    ]
    if news.get("unmanagedVariables") not in ("keep", "remove"):
        found.append(CheckFailure("unmanagedVariables", "must be keep or remove"))
    return found


def sealing_failures(olds: Props, news: Props) -> list[CheckFailure]:
    """Refuse to open what is sealed: Railway never does (docs: variables)."""
    left = set(olds.get(SEALED) or ()) - set(news.get(SEALED) or ())
    kept = sorted(left & set(news.get(VARIABLES) or {}))
    return [
        CheckFailure(SEALED, f"{name} is sealed, and Railway opens none: remove the variable, update, and add it again")
        for name in kept
    ]


def _known(news: Props, key: str) -> Any:
    value = news.get(key)
    return None if is_unknown(value) else value


def _source_failures(news: Props) -> list[CheckFailure]:
    image, repo = _known(news, "image"), _known(news, "repo")
    if image is not None and repo is not None:
        return [CheckFailure("image", "and repo exclude each other")]
    found = _of_rules(news, _SOURCE)
    if _known(news, "branch") and repo is None and not is_unknown(news.get("repo")):
        found.append(CheckFailure("branch", "needs repo"))
    builder = _known(news, "builder")
    if builder is not None and builder not in BUILDERS:
        found.append(CheckFailure("builder", f"must be one of {', '.join(BUILDERS)}, not {builder!r}"))
    elif _known(news, "dockerfilePath") and builder not in (None, "DOCKERFILE"):
        found.append(CheckFailure("dockerfilePath", "needs builder DOCKERFILE"))
    return found


def _of_rules(news: Props, checks: Mapping[str, Callable[[Any], str]]) -> list[CheckFailure]:
    values = ((key, _known(news, key), check) for key, check in checks.items())
    return [
        CheckFailure(key, problem) for key, value, check in values if value is not None and (problem := check(value))
    ]


def _deploy_failures(news: Props) -> list[CheckFailure]:
    found = _of_rules(news, _DEPLOY)
    for key in _SECONDS:
        value = _known(news, key)
        lowest = 1 if key == "healthcheckTimeout" else 0
        number = whole(value) if value is not None else lowest
        if number is None or number < lowest:
            found.append(CheckFailure(key, f"must be a whole number from {lowest}, not {value!r}"))
    for key in ("sleepApplication", "ipv6EgressEnabled"):
        if not isinstance(_known(news, key), bool | None):
            found.append(CheckFailure(key, f"must be true or false, not {news[key]!r}"))
    policy = _known(news, "restartPolicyType")
    if policy is not None and policy not in RESTART_POLICIES:
        found.append(CheckFailure("restartPolicyType", f"must be one of {', '.join(RESTART_POLICIES)}, not {policy!r}"))
    for key in ("preDeployCommand", "watchPatterns"):
        found += _list_failures(key, _known(news, key))
    build, start = _known(news, "buildCommand"), _known(news, "startCommand")
    if build and build == start:
        found.append(CheckFailure("buildCommand", "must not be the startCommand"))
    for key, check in (("limitOverride", rules.limit_problems), ("registryCredentials", rules.login_problems)):
        value = _known(news, key)
        if value is not None and not has_unknown(value):
            found += [CheckFailure(f"{key}{where}", problem) for where, problem in check(value)]
    return found


def _list_failures(key: str, value: Any) -> list[CheckFailure]:
    if value is None:
        return []
    if key == "preDeployCommand" and isinstance(value, str):
        return [CheckFailure(key, problem)] if (problem := rules.text_problem(value)) else []
    if not isinstance(value, list):
        return [CheckFailure(key, f"must be a list, not {type(value).__name__}")]
    if key == "preDeployCommand" and len(value) > 1:
        return [CheckFailure(key, "Railway takes one command: join them with &&")]
    known = [item for item in value if not is_unknown(item)]
    return [CheckFailure(key, problem) for item in known if (problem := rules.text_problem(item))]


def _region_failures(news: Props) -> list[CheckFailure]:
    regions = _known(news, "multiRegionConfig")
    if regions is None:
        return []
    if not isinstance(regions, Mapping) or not regions:
        return [CheckFailure("multiRegionConfig", "must name at least one region")]
    found = []
    total = 0
    for region, settings in regions.items():
        where = f"multiRegionConfig.{region}"
        replicas = whole((settings or {}).get("numReplicas", 1)) if isinstance(settings, Mapping) else None
        if region not in REGIONS:
            found.append(CheckFailure("multiRegionConfig", f"{region!r} is no region; there are {', '.join(REGIONS)}"))
        elif replicas is None or replicas < 1:
            found.append(CheckFailure(f"{where}.numReplicas", "must be a whole number from 1"))
        elif odd := sorted(set(settings) - {"numReplicas", "stackerAssignment"}):
            found.append(CheckFailure(f"{where}.{odd[0]}", "there is no such setting; it is numReplicas"))
        total += replicas or 0
    if total > 1 and _known(news, "cronSchedule"):
        found.append(CheckFailure("cronSchedule", "a cron service has one replica"))
    if total > 1 and _known(news, "requiredMountPath"):
        found.append(CheckFailure("requiredMountPath", "a service with a volume has one replica"))
    return found


def _health_path_problem(value: Any) -> str:
    return rules.path_problem(value, root=True)


def _mount_path_problem(value: Any) -> str:
    return rules.path_problem(value, root=False)


_SOURCE = {
    "image": rules.image_problem,
    "repo": rules.repo_problem,
    "branch": rules.text_problem,
    "rootDirectory": rules.text_problem,
    "dockerfilePath": rules.text_problem,
    "buildCommand": rules.text_problem,
}
_DEPLOY = {
    "startCommand": rules.text_problem,
    "healthcheckPath": _health_path_problem,
    "requiredMountPath": _mount_path_problem,
    "cronSchedule": rules.cron_problem,
}
