"""Whose an environment is, and whether it is as it was when it was adopted.

Whose it is, the marker says: a shared variable with the stack's name. It is written only when told, and looked at by
each read that a preview or an update does anyway.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.ownership import ADOPTS, OWNED

if TYPE_CHECKING:
    from convos_infra.railway.session import Session
    from convos_infra.railway.snapshot import Snapshot

FOUND = "foundConfig"
"""The input with the fingerprint of what was adopted."""
_DIGITS = 16
VARIABLE = "CONVOS_INFRA_STACK"
"""No service sees a shared variable that it does not refer to (docs.railway.com/variables)."""


def owner(config: Mapping[str, Any]) -> str:
    """Return the stack that an environment's config names; empty if it names none."""
    entry = (config.get("sharedVariables") or {}).get(VARIABLE)
    return str(entry.get("value") or "") if isinstance(entry, Mapping) else ""


def problem(environment: str, stack: str, config: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return what is wrong and what to do where another stack manages an environment; None if none does."""
    found = owner(config)
    if not found or found == stack:
        return None
    step = f"make release STACK={found} there, then remove the shared variable {VARIABLE}"
    return f"environment {environment} is managed by the stack {found} ({VARIABLE})", step


def refuse_others(snapshot: Snapshot, stacks: Collection[str]) -> None:
    """Refuse an environment that another stack manages.

    Args:
        snapshot: the environment.
        stacks: the names of the stack that asks: also the one that it had until it was renamed. None are not refused.

    Raises:
        InfraError: the marker names another one.
    """
    name = snapshot.name or snapshot.environment_id
    told = [found for stack in stacks if (found := problem(name, stack, snapshot.config)) is not None]
    if told and len(told) == len(stacks):
        raise InfraError("stack", *told[0])


def fingerprint(ids: Iterable[str], config: Mapping[str, Any]) -> str:
    """Return what tells the configuration of some services from any other: `id:hash` of each."""
    services = config.get("services") or {}
    return " ".join(f"{id_}:{_hash(services.get(id_))}" for id_ in sorted(ids))


def _hash(service: object) -> str:
    text = json.dumps(service, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def taken_over(props: Mapping[str, Any], kind: str, seen: Collection[str]) -> str:
    """Return the line that names what is taken over, if it is changed or counts as this stack's own; empty otherwise.

    Args:
        props: the inputs of the resource.
        kind: what it is, such as `Service`.
        seen: what the check of this run has found to take over.
    """
    adopts = str(props.get(ADOPTS) or "")
    changes = "changes " in adopts and not adopts.endswith("changes nothing")
    if adopts not in seen or not (changes or props.get(OWNED)):
        return ""
    name = props.get("service") or props.get("name") or ""
    own = " as this stack's own, which a destroy deletes" if props.get(OWNED) else ""
    return f"{kind} {name}: takes over {adopts}{own}"


def refusals(session: Session, where: Mapping[str, Any]) -> list[str]:
    """Say why an environment is not taken over: somebody changed it since it was adopted.

    Args:
        session: reads the environment, which refuses one that another stack has marked.
        where: the inputs of the environment, its id among them.
    """
    if not where.get("environmentId"):
        return []
    snapshot = session.living(where, subject=f"environment {where['name']}")
    then = dict(row.split(":", 1) for row in str(where.get(FOUND) or "").split())
    services = snapshot.config.get("services") or {}
    changed = sorted(snapshot.name_of(id_) or id_ for id_, was in then.items() if _hash(services.get(id_)) != was)
    if not changed:
        return []
    what = f"{', '.join(changed)} changed on Railway after make adopt"
    return [f"{what}; run make adopt again, or remove adoptedFrom to overwrite that"]
