"""The variables that an update sets or removes, by name, with the references in their new values. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from convos_infra.railway.change import REMOVES
from convos_infra.railway.environment_config import VARIABLES
from convos_infra.railway.references import Reference, parse
from ops.plan.preview_steps import PreviewStep, mapping
from ops.plan.resource_kinds import IMAGE, INSTANCE, SHARED
from ops.plan.service_changes import change_of, names
from ops.plan.update_plan import Fate, KeyPlan

ENVIRONMENT = "(shared)"
"""Stands for the service of a shared variable: no service may have this name."""


class _Seen(NamedTuple):
    name: str
    fate: Fate
    service: str
    refers_to: tuple[str, ...]


def key_plans(changed: Iterable[PreviewStep]) -> tuple[KeyPlan, ...]:
    """Return the variables that change, those with the same fate of several services as one."""
    steps = list(changed)
    pinned = {step.after.get("pinned") for step in steps if step.kind == IMAGE}
    rows: dict[tuple[str, Fate, tuple[str, ...]], list[str]] = {}
    for step in steps:
        for seen in _seen(step, pinned):
            rows.setdefault((seen.name, seen.fate, seen.refers_to), []).append(seen.service)
    plans = (KeyPlan(name, fate, tuple(sorted(where)), to) for (name, fate, to), where in rows.items())
    return tuple(sorted(plans, key=lambda plan: (list(Fate).index(plan.fate), plan.name, plan.services)))


def _seen(step: PreviewStep, pinned: Collection[object]) -> Iterator[_Seen]:
    if step.kind not in (INSTANCE, SHARED) or step.deletes:
        return
    where = ENVIRONMENT if step.kind == SHARED else step.called()
    old, new = mapping(step.before.get(VARIABLES)), mapping(step.after.get(VARIABLES))
    # A secret has the same text before and after; its provider announces by name that it changes.
    because = set(names(change_of(step).get("because")))
    for name in sorted(old.keys() | new.keys() | set(names(step.after.get(REMOVES)))):
        if name not in new:
            yield _Seen(name, Fate.DELETED, where, ())
        elif name not in old:
            yield _Seen(name, Fate.NEW, where, _references(new[name]))
        elif new[name] in pinned:
            # It follows the image, which has a row of its own.
            continue
        elif old[name] != new[name] or name in because:
            yield _Seen(name, Fate.CHANGED, where, _references(new[name]))


def _references(value: object) -> tuple[str, ...]:
    parts: Sequence[object] = parse(value) if isinstance(value, str) else ()
    found = (f"{one.owner}.{one.name}" if one.owner else one.name for one in parts if isinstance(one, Reference))
    return tuple(dict.fromkeys(found))
