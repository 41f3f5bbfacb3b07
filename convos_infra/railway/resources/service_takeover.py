"""The change that is needed to take over a configured service, and its cost in deployments."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.railway import change as changes
from convos_infra.railway import live_change, patch_plan
from convos_infra.railway.change import REMOVES, SOURCED, Change
from convos_infra.railway.commit import sourced
from convos_infra.railway.environment_config import VARIABLES, live_variables
from convos_infra.railway.patch_plan import SEEN
from convos_infra.railway.service_configuration import AS_FOUND

if TYPE_CHECKING:
    from convos_infra.provider import Props
    from convos_infra.railway.session import Session
    from convos_infra.railway.snapshot import Snapshot


def taken_over(session: Session, news: Props, snapshot: Snapshot) -> tuple[Props, Change]:
    """Return the new inputs with the announcement of the takeover, and the change that it needs."""
    live = snapshot.service(news["serviceId"]) or {}
    managed = news.get(VARIABLES) or {}
    strangers = sorted(name for name in live_variables(live) if name not in managed)
    removes = strangers if removes_others(news) else []
    plan = patch_plan.plan({}, news, live, removes=removes)
    changed = [*plan.fields, *plan.variables]
    what = f"changes {', '.join(changed)}" if changed else "changes nothing"
    unread = sorted(name for name, value in live_variables(live).items() if value is None)
    if unread:
        what += f", takes as they are (sealed): {', '.join(unread)}"
    has_source = sourced(news, live)
    change = Change(0) if _is_left(news, changed) else _change_of(session, news, snapshot, plan)
    props = {
        **news,
        **({REMOVES: removes} if removes else {SEEN: strangers} if strangers else {}),
        **({SOURCED: True} if has_source and not changes.has_source(news) else {}),
        "adopts": f"{news['serviceId']}, {what}",
    }
    return props, change


def _is_left(news: Props, changed: Collection[str]) -> bool:
    """Tell whether a service that is taken over stays exactly as it is, with whatever is broken in it."""
    return bool(news.get(AS_FOUND)) and not changed


def _change_of(session: Session, news: Props, snapshot: Snapshot, plan: patch_plan.Plan) -> Change:
    """Return the change that applies the inputs to a service that is taken over."""
    changed = [*plan.fields, *plan.variables]
    has_source = sourced(news, snapshot.service(news["serviceId"]) or {})
    target = live_change.target_of(session, news, snapshot, plan)
    condition = target.running.condition
    return Change(
        deployments=int(has_source and target.is_due),
        at_most=int(has_source),
        fields=plan.fields,
        variables=plan.variables,
        idle=tuple(name for name in target.running.idle if name not in changed),
        # If something changes, that it was never deployed is not a reason of its own.
        revives=str(condition)
        if condition.needs_deployment and not (changed and target.running.newest is None)
        else "",
        others=tuple(name for name in target.running.others if name not in changed) if target.is_due else (),
    )


def removes_others(props: Mapping[str, Any]) -> bool:
    """Tell whether the inputs request that variables of others are removed."""
    return props.get("unmanagedVariables") == "remove"
