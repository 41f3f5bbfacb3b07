"""Brings services' configurations on Railway to their inputs, with the deployments that were announced, and no other.

Those that wait while a patch of their environment is under way leave together in the next one. Each is looked at on
its own: what it announced, whether somebody changed it, and whether it shows when it is read back.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.railway import change as changes
from convos_infra.railway import live_change, patch_plan
from convos_infra.railway.change import REBINDS, REMOVES
from convos_infra.railway.commit import Outcome, ServicePatch, commit, deploy, part_of, sourced, store_variables
from convos_infra.railway.declaring import environment_key
from convos_infra.railway.reference_check import Patience, unmade, warn_of_others
from convos_infra.railway.snapshot import Snapshot
from railway_api.failure import Failure

if TYPE_CHECKING:
    from convos_infra.railway.references import DeadEnd
    from convos_infra.railway.session import Session

Props = Mapping[str, Any]


@dataclass(eq=False)
class Bringing:
    """One service that is to be brought to its inputs.

    Attributes:
        recorded: the properties in the state; empty for a new service.
        wanted: the new inputs.
        patience: waits for what the inputs refer to.
        outcome: the environment once it is brought; the references that lead to what is still being made; or what
            went wrong.
    """

    recorded: Props = field(repr=False)
    wanted: Props = field(repr=False)
    patience: Patience
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
        """Return what came of it; raises what went wrong."""
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome or []


@dataclass(frozen=True)
class _Step:
    """What is to be sent for one service.

    Attributes:
        member: whose.
        plan: its patch.
        due: whether a deployment is to be made.
        patched: whether Railway makes it because of the patch itself.
    """

    member: Bringing
    plan: patch_plan.Plan
    due: bool
    patched: bool

    @property
    def deploys(self) -> bool:
        """Whether its patch is deployed: not where what it stores runs already."""
        return self.due or not self.patched


def bring(session: Session, recorded: Props, wanted: Props) -> Snapshot:
    """Bring a service to its inputs; where they refer to what this update is still making, as soon as it is made.

    Args:
        session: reads and sends.
        recorded: the properties in the state; empty for a new service.
        wanted: the new inputs.

    Raises:
        InfraError: somebody changed what is to be changed, a reference leads nowhere, or it takes a deployment that
            was not announced.
    """
    patience = Patience(session)
    try:
        while True:
            member = Bringing(recorded, wanted, patience)
            is_only = len(session.announced) <= 1
            session.group(bring_all, str(wanted["environmentId"])).join(member, alone=is_only)
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
    """Bring several services of one environment to their inputs, and tell each what came of it."""
    waiting = list(members)
    while waiting:
        # One service is patched once at a time.
        turn = list({member.service_id: member for member in reversed(waiting)}.values())
        with session.snapshots.writing(str(turn[0].wanted["environmentId"])) as holding:
            try:
                _turn(session, turn)
            except Exception as error:  # noqa: BLE001  # everybody in the turn has to hear of it
                _tell_rest(turn, error)
            holding.is_settled = not any(isinstance(member.outcome, Exception) for member in turn)
        waiting = [member for member in waiting if member not in turn]


def _turn(session: Session, members: Sequence[Bringing]) -> None:
    snapshot = _seen(session, members)
    steps = [step for member in members if (step := _step_of(session, snapshot, member)) is not None]
    for deploys in (True, False):
        sent = [step for step in steps if step.plan.patch and step.deploys == deploys]
        _tell(sent, snapshot, functools.partial(commit, session, snapshot, deploys=deploys), deploys=deploys)
    orders = [step for step in steps if step.due and not step.patched and not _has_failed(step.member)]
    _tell(orders, snapshot, functools.partial(deploy, session), deploys=True, anew=True)


def _has_failed(member: Bringing) -> bool:
    return isinstance(member.outcome, Exception)


def _tell(
    steps: Sequence[_Step],
    before: Snapshot,
    send: Callable[[Sequence[ServicePatch]], Sequence[Outcome]],
    *,
    deploys: bool,
    anew: bool = False,
) -> None:
    parts = []
    for step in steps:
        # A patch of this turn has been read back: what it deployed is no news any more.
        now = step.member.outcome if anew and isinstance(step.member.outcome, Snapshot) else before
        part = part_of(now, step.member.wanted, step.plan, deploys=deploys)
        parts.append(ServicePatch(part.wanted, part.plan, part.old, expects=True) if anew else part)
    if parts:
        for step, outcome in zip(steps, send(parts), strict=True):
            step.member.outcome = outcome


def _tell_rest(members: Sequence[Bringing], error: Exception) -> None:
    for member in members:
        if member.outcome is None:
            member.outcome = error.about(member.name) if isinstance(error, Failure) else error


def _seen(session: Session, members: Sequence[Bringing]) -> Snapshot:
    """Return the environment: read now for those that are in the state, as somebody may have changed them."""
    first = members[0]
    fresh = any(member.recorded for member in members)
    snapshot = session.living(first.wanted, thing=first.name, fresh=fresh)
    if not fresh and any(snapshot.service(member.service_id) is None for member in members):
        return session.living(first.wanted, thing=first.name, fresh=True)
    return snapshot


def _step_of(session: Session, snapshot: Snapshot, member: Bringing) -> _Step | None:
    """Return what is to be sent for a service; None where there is nothing, which it is told."""
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
        if due:
            warn_of_others(session, wanted, snapshot)
    except Exception as error:  # noqa: BLE001  # it is this service's alone
        member.outcome = error
        return None
    if not plan.patch and not due:
        member.outcome = snapshot
        return None
    return _Step(member, plan, due, patched)


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
    """Tell whether what follows makes a deployment, which renders every reference, or sets variables for one."""
    promised = changes.announced(recorded, wanted) > 0
    return promised or bool(plan.variables) or _is_patched(wanted, snapshot, plan)


def _is_patched(wanted: Props, snapshot: Snapshot, plan: patch_plan.Plan) -> bool:
    """Tell whether Railway deploys because of the patch itself."""
    live = snapshot.service(wanted["serviceId"]) or {}
    return bool(plan.patch) and plan.deploys and sourced(wanted, live)


def _is_due(session: Session, snapshot: Snapshot, recorded: Props, wanted: Props, plan: patch_plan.Plan) -> bool:
    """Tell whether a deployment is to be made: one that was announced, and that it still takes."""
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
