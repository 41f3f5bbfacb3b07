"""Sends a service's change to Railway, as one patch or as a deployment of what is stored, and reads it back.

Neither ends before a read shows the result, so that the state records what Railway has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.railway import patch_plan
from convos_infra.railway.change import REMOVES
from convos_infra.railway.environment_config import BY_NAME, VARIABLES
from railway_api import documents

if TYPE_CHECKING:
    from convos_infra.railway.session import Session
    from convos_infra.railway.snapshot import Snapshot

Props = Mapping[str, Any]


def sourced(props: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Tell whether Railway has something to deploy here after an update, whoever set it."""
    own = any(props.get(name) for name in ("image", "repo"))
    return own or any((live.get("source") or {}).get(name) for name in ("image", "repo"))


def commit(
    session: Session, before: Snapshot, wanted: Props, plan: patch_plan.Plan, *, deploys: bool = True
) -> Snapshot:
    """Send the patch, wait until a read shows it, and return the environment of that read.

    Args:
        session: sends and reads.
        before: the environment as it was.
        wanted: the new inputs.
        plan: the patch.
        deploys: whether Railway is to deploy it; False if it already runs.
    """
    name, service_id = wanted["service"], wanted["serviceId"]
    old = before.latest_deployment(service_id)
    has_source = sourced(wanted, before.service(service_id) or {})
    # An unreadable value may be unchanged: then Railway makes no deployment, and there is none to wait for.
    expects = deploys and has_source and plan.deploys and bool(_unsettled(plan))

    def arrived() -> Snapshot | None:
        now = session.living(wanted, thing=name, fresh=True)
        left = patch_plan.plan({}, wanted, now.service(service_id) or {}, removes=wanted.get(REMOVES) or ())
        new = now.latest_deployment(service_id)
        deployed = new is not None and (old is None or new.id != old.id)
        return now if not _unsettled(left) and (deployed or not expects) else None

    variables = {
        "environmentId": wanted["environmentId"],
        "patch": {"services": {service_id: plan.patch}},
        "message": f"{name}: {', '.join([*plan.fields, *plan.variables])}"[:200],
    }
    document = documents.PATCH_COMMIT if deploys else documents.PATCH_STORE
    _, seen = session.client.mutate(document, variables, thing=name, observe=arrived, settle=True)
    snapshot = seen or session.until(arrived)
    if snapshot is None:
        snapshot = session.living(wanted, thing=name, fresh=True)
        left = patch_plan.plan({}, wanted, snapshot.service(service_id) or {}, removes=wanted.get(REMOVES) or ())
        missing = _unsettled(left)
        if missing:
            raise InfraError(
                name, f"Railway took the change but does not show {', '.join(missing)}", "run pulumi up again"
            )
        session.client.progress(f"{name}: stored, but Railway made no deployment of it yet")
    latest = snapshot.latest_deployment(service_id)
    if expects and latest is not None:
        session.fresh.add(latest.id)
    return snapshot


def store_variables(session: Session, wanted: Props, plan: patch_plan.Plan) -> None:
    """Store the variables of a service without a source, for services that refer to them; this deploys nothing."""
    name, variables = wanted["service"], plan.patch[VARIABLES]

    def arrived() -> bool | None:
        live = session.living(wanted, thing=name, fresh=True).service(wanted["serviceId"]) or {}
        return True if not patch_plan.plan({}, {VARIABLES: wanted[VARIABLES]}, live).variables else None

    given = {
        "environmentId": wanted["environmentId"],
        "patch": {"services": {wanted["serviceId"]: {VARIABLES: variables}}},
        "message": f"{name}: variables that others refer to"[:200],
    }
    session.client.mutate(documents.PATCH_COMMIT, given, thing=name, observe=arrived)


def deploy(session: Session, before: Snapshot, wanted: Props) -> Snapshot:
    """Deploy what is stored already, and return the environment after that."""
    name, service_id = wanted["service"], wanted["serviceId"]
    old = before.latest_deployment(service_id)

    def arrived() -> Snapshot | None:
        now = session.living(wanted, thing=name, fresh=True)
        new = now.latest_deployment(service_id)
        return now if new is not None and (old is None or new.id != old.id) else None

    variables = {"serviceId": service_id, "environmentId": wanted["environmentId"]}
    _, seen = session.client.mutate(documents.DEPLOY, variables, thing=name, observe=arrived, settle=True)
    snapshot = seen or session.until(arrived)
    latest = snapshot.latest_deployment(service_id) if snapshot is not None else None
    if snapshot is None or latest is None:
        raise InfraError(name, "Railway took the order to deploy it, but shows no deployment", "run pulumi up again")
    session.fresh.add(latest.id)
    return snapshot


def _unsettled(plan: patch_plan.Plan) -> list[str]:
    """Return what a read still lacks, except for values that no read shows."""
    return [*(name for name in plan.fields if BY_NAME[name].readable), *plan.variables]
