"""Applies the declared configuration to services, with the announced deployments and no other.

Services that wait while a patch of their environment is under way share the next one. Each service is still handled on
its own: its announcement, the conflicts with changes of other people, and the read that shows the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.railway import change as changes
from convos_infra.railway import live_change, patch_plan, sealing
from convos_infra.railway.change import REBINDS, REMOVES
from convos_infra.railway.commit import Outcome, ServicePatch, commit, deploy, part_of, sourced, store_variables
from convos_infra.railway.declaring import environment_key
from convos_infra.railway.reference_check import ReferenceWait, unmade, warn_of_others
from convos_infra.railway.service_reads import REST_SECONDS, read_services
from convos_infra.railway.snapshot import Snapshot
from convos_infra.railway.snapshots import FRESH_SECONDS
from railway_api.failure import about

if TYPE_CHECKING:
    from convos_infra.railway.references import DeadEnd
    from convos_infra.railway.session import Session

Props = Mapping[str, Any]


@dataclass(eq=False)
class Bringing:
    """One service whose inputs are to be applied.

    Attributes:
        recorded: the properties in the state; empty for a new service.
        wanted: the new inputs.
        patience: waits for what the inputs refer to.
        outcome: the environment after the change; the references to things that are still being created; or the error.
    """

    recorded: Props = field(repr=False)
    wanted: Props = field(repr=False)
    patience: ReferenceWait
    outcome: Snapshot | list[DeadEnd] | Exception | None = None

    @property
    def name(self) -> str:
        """The service's name."""
        return str(self.wanted["service"])

    @property
    def service_id(self) -> str:
        """The service's id."""
        return str(self.wanted["serviceId"])

    def told(self) -> Snapshot | list[DeadEnd]:
        """Return the outcome; raises the error."""
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome or []


@dataclass(frozen=True)
class _Step:
    """What is to be sent for one service.

    Attributes:
        member: the service.
        plan: its patch.
        due: whether to deploy it.
        patched: whether the patch itself makes Railway deploy it.
        is_blind: whether the patch replaces a value that others have sealed. If it is the same value, Railway deploys
            nothing for it: the patch is stored alone, and the deployment that was announced is ordered after it.
    """

    member: Bringing
    plan: patch_plan.Plan
    due: bool
    patched: bool
    is_blind: bool = False

    @property
    def deploys(self) -> bool:
        """Whether Railway deploys the patch; False if what it stores already runs, or is deployed by an order."""
        return (self.due or not self.patched) and not self.is_blind


def bring(session: Session, recorded: Props, wanted: Props) -> Snapshot:
    """Apply a service's inputs; if they refer to something that this update is still creating, wait for it.

    Args:
        session: reads and sends.
        recorded: the properties in the state; empty for a new service.
        wanted: the new inputs.

    Raises:
        InfraError: somebody else changed the same things, a reference has no target, or an unannounced deployment
            would be necessary.
    """
    patience = ReferenceWait(session)
    try:
        while True:
            member = Bringing(recorded, wanted, patience)
            session.group(bring_all, str(wanted["environmentId"])).join(member, member.name)
            found = member.told()
            if isinstance(found, Snapshot):
                return found
            patience.wait(found)
    except Exception:
        session.declaring.failed(environment_key(wanted), wanted["service"])
        raise
    finally:
        patience.end(wanted)


def bring_all(session: Session, members: Sequence[Bringing]) -> None:
    """Apply the inputs of several services of one environment, and set the outcome of each."""
    waiting = list(members)
    while waiting:
        # Two changes of one service take two turns.
        turn = list({member.service_id: member for member in reversed(waiting)}.values())
        with session.snapshots.writing(str(turn[0].wanted["environmentId"])) as holding:
            try:
                _turn(session, turn)
            except Exception as error:  # noqa: BLE001  # every member of the turn gets it
                _tell_rest(turn, error)
            # Whoever still waits may have stored variables, which no read has shown yet.
            holding.is_settled = all(isinstance(member.outcome, Snapshot) for member in turn)
        waiting = [member for member in waiting if member not in turn]


def _turn(session: Session, members: Sequence[Bringing]) -> None:
    snapshot = _seen(session, members)
    steps = [step for member in members if (step := _step_of(session, snapshot, member)) is not None]
    for deploys in (True, False):
        sent = [step for step in steps if step.plan.patch and step.deploys == deploys]
        parts = [part_of(snapshot, step.member.wanted, step.plan, deploys=deploys) for step in sent]
        _tell(sent, commit(session, snapshot, parts, deploys=deploys) if parts else [])
    orders = [step for step in steps if step.due and not step.patched and not _has_failed(step.member)]
    _tell(orders, deploy(session, [_order_of(snapshot, step) for step in orders]) if orders else [])


def _has_failed(member: Bringing) -> bool:
    return isinstance(member.outcome, Exception)


def _order_of(before: Snapshot, step: _Step) -> ServicePatch:
    # The patch of this turn was read back: a deployment that it caused is not the one that is ordered now.
    now = step.member.outcome if isinstance(step.member.outcome, Snapshot) else before
    wanted = step.member.wanted
    return ServicePatch(wanted, step.plan, now.latest_deployment(wanted["serviceId"]), expects=True)


def _tell(steps: Sequence[_Step], outcomes: Sequence[Outcome]) -> None:
    for step, outcome in zip(steps, outcomes, strict=True):
        step.member.outcome = outcome


def _tell_rest(members: Sequence[Bringing], error: Exception) -> None:
    for member in members:
        if member.outcome is None:
            member.outcome = about(error, member.name)


def _seen(session: Session, members: Sequence[Bringing]) -> Snapshot:
    """Return the environment; read now if a service is in the state, because somebody may have changed it."""
    first, ids = members[0], [member.service_id for member in members]
    if any(member.recorded for member in members):
        return read_services(session, first.wanted, ids, subject=first.name)
    # What this process has made is empty until this turn.
    age = REST_SECONDS if session.made.issuperset(ids) else FRESH_SECONDS
    snapshot = session.living(first.wanted, subject=first.name, age=age)
    if any(snapshot.service(id_) is None for id_ in ids):
        return session.living(first.wanted, subject=first.name, fresh=True)
    return snapshot


def _step_of(session: Session, snapshot: Snapshot, member: Bringing) -> _Step | None:
    """Return what is to be sent for a service; None if there is nothing to send, and then its outcome is set."""
    recorded, wanted = member.recorded, member.wanted
    try:
        plan = _planned(recorded, wanted, snapshot)
        ends = unmade(session, wanted, snapshot) if _renders(recorded, wanted, snapshot, plan) else []
        if ends:
            is_empty = not sourced({}, snapshot.service(wanted["serviceId"]) or {})
            if is_empty and plan.variables and member.patience.must_give(wanted, ends):
                store_variables(session, wanted, plan)
            member.outcome = ends
            return None
        due, patched = _is_due(session, snapshot, recorded, wanted, plan), _is_patched(wanted, snapshot, plan)
        is_blind = due and sealing.replaces_hidden(recorded, wanted, plan.variables)
        if due:
            warn_of_others(session, wanted, snapshot)
    except Exception as error:  # noqa: BLE001  # it concerns this service alone
        member.outcome = error
        return None
    if not plan.patch and not due:
        member.outcome = snapshot
        return None
    return _Step(member, plan, due, patched and not is_blind, is_blind)


def _planned(recorded: Props, wanted: Props, snapshot: Snapshot) -> patch_plan.Plan:
    live = snapshot.service(wanted["serviceId"])
    if live is None:
        raise InfraError(
            str(wanted["service"]), "it has no instance in this environment", "run pulumi refresh, then pulumi up"
        )
    plan = patch_plan.plan(recorded, wanted, live, removes=wanted.get(REMOVES) or ())
    live_change.refuse_conflicts(wanted, plan)
    return plan


def _renders(recorded: Props, wanted: Props, snapshot: Snapshot, plan: patch_plan.Plan) -> bool:
    """Tell whether the next step deploys, which renders every reference, or sets variables."""
    promised = changes.announced(recorded, wanted) > 0
    return promised or bool(plan.variables) or _is_patched(wanted, snapshot, plan)


def _is_patched(wanted: Props, snapshot: Snapshot, plan: patch_plan.Plan) -> bool:
    """Tell whether Railway deploys because of the patch itself."""
    live = snapshot.service(wanted["serviceId"]) or {}
    return bool(plan.patch) and plan.deploys and sourced(wanted, live)


def _is_due(session: Session, snapshot: Snapshot, recorded: Props, wanted: Props, plan: patch_plan.Plan) -> bool:
    """Tell whether to deploy: a deployment was announced and is still necessary."""
    promised = changes.announced(recorded, wanted) > 0
    if promised == _is_patched(wanted, snapshot, plan):
        return promised
    target = live_change.target_of(session, wanted, snapshot, plan)
    due = target.is_due or bool(promised and wanted.get(REBINDS))
    if due and not promised:
        names = ", ".join([*plan.fields, *plan.variables])
        raise InfraError(
            str(wanted["service"]),
            f"the preview announced no deployment, and this takes one ({names})",
            "run pulumi refresh to record what changed on Railway, then pulumi preview",
        )
    return due
