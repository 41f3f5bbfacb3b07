"""What a service runs, against what Railway has stored for it: what was stored without a deployment is not running.

Pure. Sources: `Deployment.meta` (image and serviceManifest, facts §2.7) and `deploymentSnapshot.variables` (§2.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.railway.deployment import GOOD
from convos_infra.railway.environment_config import FIELDS, VARIABLES, at, live_variables, makes_deployment, same

if TYPE_CHECKING:
    from convos_infra.railway.deployment import DeploymentState
    from convos_infra.railway.environment_config import Field
    from convos_infra.railway.references import Resolved


def not_running(
    managed: Mapping[str, Any],
    stored: Mapping[str, Any],
    deployment: DeploymentState | None,
    variables: Mapping[str, Any] | None,
    gives: Mapping[str, Resolved] | None = None,
) -> list[str]:
    """Name what is managed and stored, but not what the newest deployment runs with.

    Args:
        managed: a ServiceInstance's properties; others are nobody's business here.
        stored: the service's part of the environment's config.
        deployment: its newest deployment; one that did not succeed says itself what is wrong.
        variables: what that deployment was given; None where it could not be read.
        gives: what variables with references would give in a deployment now (`running_references.gives`); without it
            only whether they are there is compared.
    """
    if deployment is None or deployment.status not in GOOD:
        return []
    fields = [field.name for field in FIELDS if field.name in managed and _differs(field, stored, deployment.meta)]
    if variables is None:
        return fields
    values = live_variables(stored)
    names = [name for name in managed.get(VARIABLES) or {} if _is_missing(name, values, variables, gives or {})]
    return [*fields, *sorted(names)]


def _differs(field: Field, stored: Mapping[str, Any], meta: Mapping[str, Any]) -> bool:
    if not field.readable:
        return False
    now = at(stored, field.path)
    if field.path[0] == "source":
        running = meta.get(field.name)
        return running is not None and not same(field, now, running)
    section = at(meta, ("serviceManifest", field.path[0]))
    # With a repository, its railway.json is laid over what is stored, and the manifest is the sum of both.
    if not isinstance(section, Mapping) or at(stored, ("source", "repo")):
        return False
    running = at(section, field.path[1:])
    # Another number of replicas runs without a deployment, and the manifest is of the deployment.
    return not same(field, now, running) and makes_deployment(field, running, now)


def _is_missing(
    name: str, stored: Mapping[str, str | None], running: Mapping[str, Any], gives: Mapping[str, Resolved]
) -> bool:
    value = stored.get(name)
    if value is None:
        # Sealed, or removed by somebody, which is drift of another kind.
        return False
    if name not in running:
        return True
    # A reference is rendered when it is deployed, so what runs is compared with what it gives now; where Railway
    # answers with the reference itself, nothing can be said of it.
    if name in gives:
        return str(running[name]) != value and not gives[name].fits(str(running[name]))
    return "${{" not in value and str(running[name]) != value
