"""Applies the declared configuration to a service, with the announced deployment and no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.railway import change as changes
from convos_infra.railway import live_change, patch_plan
from convos_infra.railway.change import REBINDS, REMOVES
from convos_infra.railway.commit import commit, deploy, sourced, store_variables
from convos_infra.railway.declaring import environment_key
from convos_infra.railway.reference_check import ReferenceWait, unmade, warn_of_others

if TYPE_CHECKING:
    from convos_infra.railway.session import Session
    from convos_infra.railway.snapshot import Snapshot

Props = Mapping[str, Any]


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
            with session.snapshots.writing(wanted["environmentId"]):
                # The environment was read right after the service was created, so a new service needs no further read.
                snapshot = session.living(wanted, thing=wanted["service"], fresh=bool(recorded))
                plan = _planned(recorded, wanted, snapshot)
                ends = unmade(session, wanted, snapshot) if _renders(recorded, wanted, snapshot, plan) else []
                if not ends:
                    snapshot = _sent(session, snapshot, recorded, wanted, plan)
                    session.snapshots.settle(wanted["environmentId"])
                    return snapshot
                is_empty = not sourced({}, snapshot.service(wanted["serviceId"]) or {})
                if is_empty and plan.variables and patience.must_give(wanted, ends):
                    store_variables(session, wanted, plan)
            patience.wait(ends)
    except Exception:
        session.declaring.failed(environment_key(wanted), wanted["service"])
        raise
    finally:
        patience.end(wanted)


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


def _sent(session: Session, snapshot: Snapshot, recorded: Props, wanted: Props, plan: patch_plan.Plan) -> Snapshot:
    due, patched = _is_due(session, snapshot, recorded, wanted, plan), _is_patched(wanted, snapshot, plan)
    if due:
        warn_of_others(session, wanted, snapshot)
    if plan.patch:
        snapshot = commit(session, snapshot, wanted, plan, deploys=due or not patched)
    if due and not patched:
        snapshot = deploy(session, snapshot, wanted)
    return snapshot


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
