"""What a service runs, compared with what Railway has stored for it and with what is wanted. Pure.

Three things can be wrong: nothing serves (the service crashed, was removed or was never deployed); the serving
deployment has other values than the stored ones; or what is stored was never deployed. Sources: `Deployment.status`,
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
    """The condition of a service, by its deployments."""

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
        """Whether only a new deployment repairs it."""
        return self in _BROKEN

    @property
    def is_settled(self) -> bool:
        """Whether the service is healthy, or there is nothing to wait for."""
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
        condition: its condition.
        newest: its newest deployment, in any state.
        serving: the serving deployment, which is an older one if the newest failed; None if none serves.
        fields, variables: names of what is managed and stored, but does not run.
        others: names of what others stored and did not deploy. The next deployment applies it, whoever makes it.
    """

    condition: Condition
    newest: DeploymentState | None = None
    serving: DeploymentState | None = None
    fields: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def idle(self) -> tuple[str, ...]:
        """The names of what is managed and stored, but does not run."""
        return (*self.fields, *self.variables)

    @property
    def needs_deployment(self) -> bool:
        """Whether a deployment of what is stored would change anything that is managed here."""
        return self.condition.needs_deployment or bool(self.idle)


def assess(
    managed: Mapping[str, Any],
    stored: Mapping[str, Any],
    newest: DeploymentState | None,
    serving: DeploymentState | None,
    variables: Mapping[str, Any] | None,
    gives: Mapping[str, Given] | None = None,
) -> Running:
    """Return what a service runs.

    Args:
        managed: a ServiceInstance's properties; everything else belongs to others.
        stored: the service's part of the environment's config, as it is or will be.
        newest: its newest deployment.
        serving: the newest of its active deployments.
        variables: the variables of the serving deployment; None if they could not be read.
        gives: the values that variables with references would have in a deployment now; without it, only their
            existence is compared.
    """
    condition = condition_of(stored, newest, serving)
    if condition is Condition.UNDER_WAY:
        # The deployment under way uses what is stored: its end decides.
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
    """Return the condition of a service, by its stored config, its newest and its serving deployment."""
    if not _has_source(stored):
        return Condition.EMPTY
    if newest is None:
        return Condition.NEVER_DEPLOYED
    found = _BY_STATUS.get(newest.status, Condition.UNKNOWN)
    if found is Condition.SKIPPED and serving is not None:
        # Railway found nothing to deploy: the serving deployment is right, or the comparison tells what is wrong.
        return _BY_STATUS.get(serving.status, Condition.SERVES)
    is_cron = bool(at(stored, ("deploy", "cronSchedule")))
    if newest.has_completed:
        is_job = is_cron or at(stored, ("deploy", "restartPolicyType")) == "NEVER"
        return Condition.ENDED if is_job else Condition.STOPPED
    if found is Condition.REMOVED and is_cron:
        return Condition.ENDED
    return found


def _has_source(stored: Mapping[str, Any]) -> bool:
    return any(at(stored, ("source", name)) for name in ("image", "repo"))
