"""What a preview announces for each service: deployments with their reasons, in the order of the update. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from convos_infra.ownership import ADOPTS
from convos_infra.railway.change import AT_MOST, CHANGE, REMOVES
from convos_infra.railway.environment_config import BY_NAME, SEALED, VARIABLES
from ops.plan.preview_steps import PreviewStep, mapping
from ops.plan.resource_kinds import INSTANCE, SERVICE, WAIT
from ops.plan.update_plan import Fate, ServicePlan

AGAIN = "again"
"""The input of a wait that names the services whose deployments are repeated."""


def change_of(step: PreviewStep) -> Mapping[str, Any]:
    """Return what a provider announces; empty if the announcement is the one that the state already has."""
    change, before = mapping(step.after.get(CHANGE)), mapping(step.before.get(CHANGE))
    return change if change and change.get("number") != before.get("number") else {}


def names(value: Any) -> tuple[str, ...]:
    """Return a list of names; empty for anything else."""
    return tuple(str(one) for one in value) if isinstance(value, list) else ()


def service_plans(changed: Sequence[PreviewStep]) -> tuple[ServicePlan, ...]:
    """Return the services that change, each after those that it waits for."""
    deleted = {step.called() for step in changed if step.kind == SERVICE and step.deletes}
    waits = {step.urn: step for step in changed if step.kind == WAIT}
    instances = [step for step in changed if step.kind == INSTANCE and not step.deletes]
    service_of = {step.urn: step.called() for step in instances if change_of(step)}
    service_of |= {urn: name for urn, step in waits.items() for name in [step.called()] if not step.deletes}
    made = {step.called(): step for step in changed if step.kind == SERVICE}
    found = [_plan(step, made.get(step.called()), service_of) for step in instances]
    found += [again for step in waits.values() for again in _again(step)]
    found = [one for one in found if one.fate is not Fate.CHANGED or _matters(one)]
    # Nothing has to wait for a service that is not deployed.
    deployed = {one.name for one in found if one.deployments}
    ordered = _ordered([_after(one, deployed) for one in found])
    return (*ordered, *(ServicePlan(name, Fate.DELETED) for name in sorted(deleted)))


def _plan(step: PreviewStep, service: PreviewStep | None, service_of: Mapping[str, str]) -> ServicePlan:
    change = change_of(step)
    because = names(change.get("because"))
    known = {*mapping(step.before.get(VARIABLES)), *mapping(step.after.get(VARIABLES))}
    known |= {*names(step.after.get(SEALED)), *names(step.before.get(SEALED)), *names(step.after.get(REMOVES))}
    name = step.called()
    deployments = int(change.get("deployments") or 0)
    return ServicePlan(
        name=name,
        fate=_fate(step, service),
        deployments=deployments,
        at_most=max(deployments, int(change.get(AT_MOST) or 0)),
        fields=tuple(one for one in because if one in BY_NAME),
        variables=tuple(one for one in because if one in known and one not in BY_NAME),
        conditions=tuple(one for one in because if one not in known and one not in BY_NAME),
        others=names(change.get("others")),
        after=tuple(sorted({service_of[urn] for urn in step.needs if urn in service_of} - {name})),
    )


def _fate(step: PreviewStep, service: PreviewStep | None) -> Fate:
    if not step.before and step.inputs.get(ADOPTS):
        return Fate.ADOPTED
    return Fate.NEW if service is not None and service.creates and not service.inputs.get(ADOPTS) else Fate.CHANGED


def _again(step: PreviewStep) -> Iterable[ServicePlan]:
    if not change_of(step):
        return []
    why = ("the newest deployment failed",)
    return [ServicePlan(name, Fate.CHANGED, 1, 1, conditions=why) for name in names(step.after.get(AGAIN))]


def _matters(service: ServicePlan) -> bool:
    return bool(service.deployments or service.fields or service.variables or service.conditions)


def _after(service: ServicePlan, deployed: Iterable[str]) -> ServicePlan:
    return replace(service, after=tuple(name for name in service.after if name in set(deployed)))


def _ordered(services: Sequence[ServicePlan]) -> list[ServicePlan]:
    """Return the services so that each comes after those that it waits for; the engine's own order varies."""
    left, done = sorted(services, key=lambda one: one.name), dict[str, None]()
    found: list[ServicePlan] = []
    while left:
        ready = [one for one in left if all(name in done for name in one.after)] or left[:1]
        found += ready
        done |= dict.fromkeys(one.name for one in ready)
        left = [one for one in left if one not in ready]
    return found
