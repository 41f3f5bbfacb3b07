"""What an update takes over, makes, keeps and deletes beside services, and the calls to Railway that it needs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from convos_infra.ownership import ADOPTS, is_owned
from convos_infra.railway.change import ORDERED
from convos_infra.schema.policy import DROP
from ops.plan.resource_kinds import INSTANCE, SCHEMA, SERVICE, SHARED, WAIT
from ops.plan.service_changes import AGAIN, change_of, names
from ops.plan.update_plan import Fate, ThingPlan

if TYPE_CHECKING:
    from ops.plan.preview_steps import PreviewStep

_ON_RAILWAY: Mapping[str, str] = {
    "railway:Project": "project",
    "railway:Environment": "environment",
    "railway:Volume": "volume",
    "railway:ServiceDomain": "domain",
    "railway:CustomDomain": "custom domain",
    "railway:TcpProxy": "TCP proxy",
    "railway:ProjectToken": "project token",
    SHARED: "shared variables",
}
_ELSEWHERE: Mapping[str, str] = {
    "secret:RandomSecret": "generated secret",
    "secret:IssuedSecret": "issued secret",
    "account:OpenRouterKey": "OpenRouter key",
    "account:AgentMailInbox": "AgentMail inbox",
}
_NAMES = {**_ON_RAILWAY, **_ELSEWHERE, SERVICE: "service"}
_HOLDS_DATA = frozenset({"railway:Volume"})


def kind_in_words(kind: str) -> str:
    """Return what people call a kind of resource; empty if it is not shown to them."""
    return _NAMES.get(kind, "")


def thing_plans(changed: Iterable[PreviewStep], *, deletes_adopted: bool) -> tuple[ThingPlan, ...]:
    """Return the things that change, what is deleted first.

    Args:
        changed: the steps that do something.
        deletes_adopted: whether the stack deletes what it took over as well.
    """
    found = [plan for step in changed for plan in _plans(step, deletes_adopted=deletes_adopted)]
    order = (Fate.DELETED, Fate.REPLACED, Fate.KEPT, Fate.ADOPTED, Fate.NEW, Fate.CHANGED)
    return tuple(sorted(dict.fromkeys(found), key=lambda one: (order.index(one.fate), one.kind, one.name)))


def mutations(changed: Iterable[PreviewStep], *, deletes_adopted: bool) -> int:
    """Return how many calls that change something Railway gets at most: services may share a patch (decision 30)."""
    return sum(_calls(step, deletes_adopted=deletes_adopted) for step in changed)


def _plans(step: PreviewStep, *, deletes_adopted: bool) -> Iterator[ThingPlan]:
    if step.kind == SCHEMA:
        if step.deletes:
            yield ThingPlan("tables", "of the database", Fate.DELETED if _drops(step, deletes_adopted) else Fate.KEPT)
        return
    kind = _NAMES.get(step.kind, "")
    # A new or changed service has a row among the services; generated secrets are listed only if they are lost.
    if not kind or (step.kind == SERVICE and step.creates and not step.inputs.get(ADOPTS)):
        return
    if step.kind in _ELSEWHERE and not (step.deletes or "replace" in step.op):
        return
    if step.op == "create-replacement":
        return
    name = f"{step.called()}, with its data" if step.deletes and step.kind in _HOLDS_DATA else step.called()
    yield ThingPlan(kind, name, _fate(step, deletes_adopted=deletes_adopted))


def _fate(step: PreviewStep, *, deletes_adopted: bool) -> Fate:
    if step.op in ("replace", "delete-replaced"):
        return Fate.REPLACED
    if step.deletes:
        return Fate.DELETED if _is_deleted(step, deletes_adopted) else Fate.KEPT
    if step.creates:
        return Fate.ADOPTED if step.inputs.get(ADOPTS) else Fate.NEW
    return Fate.CHANGED


def _is_deleted(step: PreviewStep, deletes_adopted: bool) -> bool:  # noqa: FBT001 - it is the stack's own setting
    return deletes_adopted or is_owned({**step.before, **step.recorded}, otherwise=True)


def _drops(step: PreviewStep, deletes_adopted: bool) -> bool:  # noqa: FBT001 - it is the stack's own setting
    return step.before.get("onDestroy") == DROP and _is_deleted(step, deletes_adopted)


def _calls(step: PreviewStep, *, deletes_adopted: bool) -> int:
    if step.kind == INSTANCE:
        change = change_of(step)
        return int(bool(change.get("because") or change.get("deployments"))) + int(bool(change.get(ORDERED)))
    if step.kind == WAIT:
        return len(names(step.after.get(AGAIN))) if change_of(step) else 0
    if step.kind != SERVICE and step.kind not in _ON_RAILWAY:
        return 0
    if step.deletes:
        # A service is deleted from its environment, and what is left of it from its project (decision 32).
        return (2 if step.kind == SERVICE else 1) if _is_deleted(step, deletes_adopted) else 0
    return 1 if step.op != "replace" else 0
