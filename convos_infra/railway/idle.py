"""Names of stored values that differ from what the service's deployment was given. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from convos_infra.railway.deployment import GOOD
from convos_infra.railway.environment_config import (
    BY_NAME,
    FIELDS,
    VARIABLES,
    at,
    live_fields,
    live_variables,
    makes_deployment,
    same,
)

if TYPE_CHECKING:
    from convos_infra.railway.attribute import Attribute
    from convos_infra.railway.deployment import DeploymentState

REFERENCE = "${{"
_OF_RAILWAY = "RAILWAY_"


class Given(Protocol):
    """The value that a variable with references would have in a deployment now, as far as it is known."""

    @property
    def text(self) -> str | None:
        """The whole value; None if a part of it is unknown."""
        ...

    def fits(self, running: str) -> bool:
        """Tell whether a deployment with the value `running` has the same value."""
        ...


def stored_by_others(
    managed: Mapping[str, Any],
    stored: Mapping[str, Any],
    serving: DeploymentState | None,
    variables: Mapping[str, Any] | None,
) -> list[str]:
    """Name unmanaged values that are stored differently from what runs; nothing if no deployment serves."""
    if serving is None or serving.status not in GOOD:
        return []
    section = at(serving.meta, ("serviceManifest",))
    known = set(live_fields(stored)) if section is not None else set()
    fields = [field.name for field in FIELDS if field.name in known - set(managed) and _differs(field, stored, serving)]
    if variables is None:
        return fields
    ours, values = managed.get(VARIABLES) or {}, live_variables(stored)
    names = [name for name in values if name not in ours and _is_missing(name, values, variables, {})]
    gone = [name for name in variables if name not in ours and name not in values and not name.startswith(_OF_RAILWAY)]
    return [*fields, *sorted({*names, *gone})]


def is_running(
    names: Collection[str],
    target: Mapping[str, Any],
    serving: DeploymentState | None,
    variables: Mapping[str, Any] | None,
    gives: Mapping[str, Given] | None = None,
) -> bool:
    """Tell whether fields and variables certainly already run as in a config.

    Args:
        names: the names of fields and variables.
        target: the service's future part of the config; what it no longer has must not run.
        serving: the deployment that serves.
        variables: the variables of that deployment; None if they could not be read.
        gives: the values that variables with references would have in a deployment now.
    """
    return all(
        _runs_field(BY_NAME[name], target, serving)
        if name in BY_NAME
        else _runs_variable(name, target, variables, gives or {})
        for name in names
    )


def _runs_field(field: Attribute, target: Mapping[str, Any], serving: DeploymentState | None) -> bool:
    if not field.readable or serving is None or at(target, ("source", "repo")):
        return False
    if field.path[0] == "source":
        return serving.meta.get(field.name) is not None and not _differs(field, target, serving)
    return isinstance(at(serving.meta, ("serviceManifest", field.path[0])), Mapping) and not _differs(
        field, target, serving
    )


def _runs_variable(
    name: str, target: Mapping[str, Any], running: Mapping[str, Any] | None, gives: Mapping[str, Given]
) -> bool:
    if running is None:
        return False
    values = live_variables(target)
    if name not in values:
        return name not in running
    value = values[name]
    if value is None:
        return False
    if REFERENCE in value:
        return name in gives and name in running and gives[name].text == str(running[name])
    return not _is_missing(name, values, running, gives)


def idle_fields(managed: Mapping[str, Any], stored: Mapping[str, Any], deployment: DeploymentState | None) -> list[str]:
    """Name the managed fields that a deployment was not made of; arguments as those of `running.assess`."""
    if deployment is None or deployment.status not in GOOD:
        return []
    return [field.name for field in FIELDS if field.name in managed and _differs(field, stored, deployment)]


def idle_variables(
    managed: Mapping[str, Any],
    stored: Mapping[str, Any],
    deployment: DeploymentState | None,
    variables: Mapping[str, Any] | None,
    gives: Mapping[str, Given],
) -> list[str]:
    """Name the managed variables that a deployment was not given; arguments as those of `running.assess`."""
    if deployment is None or deployment.status not in GOOD or variables is None:
        return []
    values = live_variables(stored)
    return sorted(name for name in managed.get(VARIABLES) or {} if _is_missing(name, values, variables, gives))


def _differs(field: Attribute, stored: Mapping[str, Any], deployment: DeploymentState) -> bool:
    if not field.readable:
        return False
    meta, now = deployment.meta, at(stored, field.path)
    if field.path[0] == "source":
        running = meta.get(field.name)
        return running is not None and not same(field, now, running)
    section = at(meta, ("serviceManifest", field.path[0]))
    # With a repository, its railway.json is merged over what is stored, and the manifest has the result.
    if not isinstance(section, Mapping) or at(stored, ("source", "repo")):
        return False
    running = at(section, field.path[1:])
    # A different number of replicas takes effect without a deployment, but the manifest is the deployment's.
    return not same(field, now, running) and makes_deployment(field, running, now)


def _is_missing(
    name: str, stored: Mapping[str, str | None], running: Mapping[str, Any], gives: Mapping[str, Given]
) -> bool:
    value = stored.get(name)
    if value is None:
        # The variable is sealed, or was removed by somebody, which is a different kind of drift.
        return False
    if name not in running:
        return True
    # A reference is rendered when it is deployed, so the running value is compared with its current value; if Railway
    # answers with the reference itself, they cannot be compared.
    if name in gives:
        return str(running[name]) != value and not gives[name].fits(str(running[name]))
    return REFERENCE not in value and str(running[name]) != value
