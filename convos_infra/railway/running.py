"""What a service runs, against what Railway has stored for it and what is wanted of it. Pure.

Three things can be wrong: nothing serves (it crashed, it was removed, it was never deployed); what serves was deployed
from other values than the stored ones; or what is stored was never deployed. Sources: `Deployment.status`,
`Deployment.meta` (image and serviceManifest), `ServiceInstance.activeDeployments`, `deploymentSnapshot.variables`;
docs.railway.com/deployments/reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from convos_infra.railway.deployment import MOVING
from convos_infra.railway.environment_config import at
from convos_infra.railway.idle import Given, idle_fields, idle_variables, stored_by_others

if TYPE_CHECKING:
    from convos_infra.railway.deployment import DeploymentState


class Condition(StrEnum):
    """How a service is, by its deployments."""

    SERVES = "serves"
    SLEEPS = "sleeps"
    """Railway wakes it at its first request (docs.railway.com/reference/app-sleeping)."""
    ENDED = "ended"
    """A cron service between two runs, or a job that is never restarted."""
    STOPPED = "stopped"
    """Its process ended with 0, and nothing starts it again."""
    UNDER_WAY = "under way"
    EMPTY = "empty"
    """It has no source, so there is nothing to deploy."""
    NEVER_DEPLOYED = "never deployed"
    FAILED = "failed"
    CRASHED = "crashed"
    REMOVED = "removed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    """A status that this program does not know."""

    @property
    def needs_deployment(self) -> bool:
        """Whether only a new deployment mends it."""
        return self in _BROKEN

    @property
    def is_settled(self) -> bool:
        """Whether it is as it should be, or nothing has to be waited for."""
        return self in (Condition.SERVES, Condition.SLEEPS, Condition.ENDED, Condition.EMPTY)


_BROKEN = frozenset(
    {
        Condition.NEVER_DEPLOYED,
        Condition.FAILED,
        Condition.CRASHED,
        Condition.REMOVED,
        Condition.SKIPPED,
        Condition.STOPPED,
    }
)
_BY_STATUS = {
    "SUCCESS": Condition.SERVES,
    "SLEEPING": Condition.SLEEPS,
    "FAILED": Condition.FAILED,
    "CRASHED": Condition.CRASHED,
    "REMOVED": Condition.REMOVED,
    "SKIPPED": Condition.SKIPPED,
    **dict.fromkeys(MOVING, Condition.UNDER_WAY),
}


@dataclass(frozen=True)
class Running:
    """What a service runs.

    Attributes:
        condition: how it is.
        newest: its newest deployment, whatever became of it.
        serving: the deployment that serves, which is an older one where the newest failed; None where none does.
        fields, variables: what is managed here and stored, but does not run: names.
        others: what others stored and did not deploy: names. The next deployment brings it to life, whoever makes it.
    """

    condition: Condition
    newest: DeploymentState | None = None
    serving: DeploymentState | None = None
    fields: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def idle(self) -> tuple[str, ...]:
        """What is managed here and stored, but does not run."""
        return (*self.fields, *self.variables)

    @property
    def needs_deployment(self) -> bool:
        """Whether a deployment of what is stored would change something of ours."""
        return self.condition.needs_deployment or bool(self.idle)


def assess(
    managed: Mapping[str, Any],
    stored: Mapping[str, Any],
    newest: DeploymentState | None,
    serving: DeploymentState | None,
    variables: Mapping[str, Any] | None,
    gives: Mapping[str, Given] | None = None,
) -> Running:
    """Say what a service runs.

    Args:
        managed: a ServiceInstance's properties: what is not in there is of others.
        stored: the service's part of the environment's config, as it is or as it is about to be.
        newest: its newest deployment.
        serving: the newest of its active deployments.
        variables: what the serving deployment was given; None where it could not be read.
        gives: what variables with references would give in a deployment now; without it only whether they are there is
            compared.
    """
    condition = condition_of(stored, newest, serving)
    if condition is Condition.UNDER_WAY:
        # What is under way was made of what is stored: how it ends decides.
        return Running(condition, newest, serving)
    return Running(
        condition,
        newest,
        serving,
        tuple(idle_fields(managed, stored, serving)),
        tuple(idle_variables(managed, stored, serving, variables, gives or {})),
        tuple(stored_by_others(managed, stored, serving, variables)),
    )


def condition_of(
    stored: Mapping[str, Any], newest: DeploymentState | None, serving: DeploymentState | None
) -> Condition:
    """Return how a service is, by its stored config, its newest deployment and the one that serves."""
    if not _has_source(stored):
        return Condition.EMPTY
    if newest is None:
        return Condition.NEVER_DEPLOYED
    found = _BY_STATUS.get(newest.status, Condition.UNKNOWN)
    if found is Condition.SKIPPED and serving is not None:
        # Railway found nothing to deploy: what serves is as it should be, or the comparison says what is not.
        return _BY_STATUS.get(serving.status, Condition.SERVES)
    is_cron = bool(at(stored, ("deploy", "cronSchedule")))
    if newest.has_completed:
        is_job = is_cron or at(stored, ("deploy", "restartPolicyType")) == "NEVER"
        return Condition.ENDED if is_job else Condition.STOPPED
    if found is Condition.REMOVED and is_cron:
        return Condition.ENDED
    return found


def not_running(
    managed: Mapping[str, Any],
    stored: Mapping[str, Any],
    deployment: DeploymentState | None,
    variables: Mapping[str, Any] | None,
    gives: Mapping[str, Given] | None = None,
) -> list[str]:
    """Name what is managed and stored, but not what a deployment runs with.

    Args:
        managed: a ServiceInstance's properties.
        stored: the service's part of the environment's config.
        deployment: the one that serves; where none does, the condition says so.
        variables: what that deployment was given; None where it could not be read.
        gives: what variables with references would give in a deployment now.
    """
    fields = idle_fields(managed, stored, deployment)
    return [*fields, *idle_variables(managed, stored, deployment, variables, gives or {})]


def _has_source(stored: Mapping[str, Any]) -> bool:
    return any(at(stored, ("source", name)) for name in ("image", "repo"))
