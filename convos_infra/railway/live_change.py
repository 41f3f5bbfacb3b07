"""The effect of a service's change in the current environment: its deployments, and others' changes that come along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.railway import patch_plan
from convos_infra.railway.change import RERENDERS
from convos_infra.railway.declaring import environment_key
from convos_infra.railway.environment_config import BY_NAME, VARIABLES, at, makes_deployment
from convos_infra.railway.idle import Given, is_running
from convos_infra.railway.provided_variables import Addresses
from convos_infra.railway.running import Condition, Running, assess
from convos_infra.railway.running_references import addressed_by, gives

if TYPE_CHECKING:
    from convos_infra.railway.change import Change
    from convos_infra.railway.session import Session
    from convos_infra.railway.snapshot import Snapshot

Props = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """A service after a plan is carried out.

    Attributes:
        plan: the patch.
        running: what runs, compared with what will be stored.
        is_due: whether a deployment is needed to apply our part of what will be stored.
    """

    plan: patch_plan.Plan
    running: Running
    is_due: bool


def running_of(session: Session, managed: Props, snapshot: Snapshot) -> Running:
    """Return what a service runs, compared with what is stored for it.

    Args:
        session: reads the variables of deployments.
        managed: its properties.
        snapshot: the environment.
    """
    service_id = str(managed["serviceId"])
    addresses = session.snapshots.details(snapshot).addresses
    variables = session.snapshots.running_variables(snapshot, service_id)
    given = gives(snapshot, service_id, addresses)
    found = _assessed(managed, snapshot, variables, given)
    # A reference without a target is reported even if its empty value runs, because the target may come back.
    dead = {name for name in managed.get(VARIABLES) or {} if name in given and given[name].dead_ends}
    return replace(found, variables=tuple(sorted({*found.variables, *dead}))) if dead else found


def target_of(session: Session, wanted: Props, snapshot: Snapshot, plan: patch_plan.Plan) -> Target:
    """Return a service as it will be after a plan and the update's other declarations are carried out.

    Args:
        session: reads the variables of deployments.
        wanted: the new inputs.
        snapshot: the environment as it is.
        plan: the plan.
    """
    service_id = str(wanted["serviceId"])
    before = snapshot.service(service_id) or {}
    after = replace(snapshot, config=patch_plan.merge(snapshot.config, {"services": {service_id: plan.patch}}))
    declared = session.declaring.of(environment_key(wanted))
    # Read the deployments' variables first: usually the same call answers both.
    variables = session.snapshots.running_variables(snapshot, service_id)
    domains = session.snapshots.private_domains(snapshot, addressed_by(after, service_id, declared))
    given = gives(after, service_id, Addresses(private_domains=domains), declared)
    running = _assessed(wanted, after, variables, given)
    fields = [
        name
        for name in plan.fields
        if makes_deployment(BY_NAME[name], at(before, BY_NAME[name].path), wanted.get(name))
    ]
    # What the update changes elsewhere may be an unknown part, which matches any value.
    names = [*fields, *plan.variables, *(wanted.get(RERENDERS) or ())]
    if running.condition is Condition.UNDER_WAY:
        # The deployment under way uses what is stored already: only a change of that needs another one.
        return Target(plan, running, is_due=bool(names))
    certain = is_running(names, after.service(service_id) or {}, running.serving, variables, given)
    has_source = running.condition is not Condition.EMPTY
    return Target(plan, running, is_due=has_source and (running.needs_deployment or not certain))


def _assessed(
    managed: Props, snapshot: Snapshot, variables: Mapping[str, Any] | None, given: Mapping[str, Given]
) -> Running:
    service_id = str(managed["serviceId"])
    return assess(
        managed,
        snapshot.service(service_id) or {},
        snapshot.latest_deployment(service_id),
        snapshot.serving_deployment(service_id),
        variables,
        given,
    )


def narrowed(session: Session, olds: Props, news: Props, change: Change) -> Change:
    """Return the cost of a change in the current environment.

    It is never more than the recorded state implies: a refresh has to record anything else first.

    Args:
        session: reads the environment.
        olds: the inputs in the state.
        news: the new inputs.
        change: the change by the recorded state.

    Raises:
        InfraError: somebody else changed the same things, and no refresh has recorded that.
    """
    if not change.deployments:
        return change
    snapshot = session.living(news, subject=str(news["service"]))
    live = snapshot.service(str(news["serviceId"]))
    if live is None:
        return change
    plan = patch_plan.plan(olds, news, live, removes=news.get("removes") or ())
    refuse_conflicts(news, plan)
    target = target_of(session, news, snapshot, plan)
    if (not target.is_due and not change.rebinds) or _only_records(change, target):
        return change.running_already()
    ours = {*plan.fields, *plan.variables, *change.variables}
    return replace(change, others=tuple(name for name in target.running.others if name not in ours))


def _only_records(change: Change, target: Target) -> bool:
    """Tell whether a change only records what is stored and runs already, such as a name that was left to Railway.

    What else does not run there is not part of the change: a service that was taken over may have such things, and
    any other is recorded by a refresh first.
    """
    reasons = change.idle or change.revives or change.rerenders or change.rebinds
    changed = {*change.fields, *change.variables}
    runs = not target.running.condition.needs_deployment and changed.isdisjoint(target.running.idle)
    return runs and not target.plan.patch and not reasons


def refuse_conflicts(wanted: Props, plan: patch_plan.Plan) -> None:
    """Stop if somebody else changed what this stack is about to change.

    Raises:
        InfraError: somebody did, and no refresh has recorded that.
    """
    if plan.conflicts and not wanted.get("overwriteChanges"):
        raise InfraError(
            str(wanted["service"]),
            f"{', '.join(plan.conflicts)} changed outside this stack since the last update (dashboard?)",
            f"{patch_plan.UNSEEN_CHANGE} (overwriteChanges does that without asking)",
        )
