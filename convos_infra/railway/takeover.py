"""Which stack manages an environment, and whether the environment has changed since it was adopted.

A marker, a shared variable with the stack's name, tells which stack manages it. It is written only with
`markEnvironment: true`, and checked whenever a preview or an update reads the environment.
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
    """Return the problem and the next step if another stack manages an environment; None if none does."""
    found = owner(config)
    if not found or found == stack:
        return None
    step = f"make release STACK={found} there, then remove the shared variable {VARIABLE}"
    return f"environment {environment} is managed by the stack {found} ({VARIABLE})", step


def refuse_others(snapshot: Snapshot, stacks: Collection[str]) -> None:
    """Refuse an environment that another stack manages.

    Args:
        snapshot: the environment.
        stacks: the names of the requesting stack: its current one, and the one before a rename. With none, nothing is
            refused.

    Raises:
        InfraError: the marker names another one.
    """
    name = snapshot.name or snapshot.environment_id
    told = [found for stack in stacks if (found := problem(name, stack, snapshot.config)) is not None]
    if told and len(told) == len(stacks):
        raise InfraError("stack", *told[0])


def fingerprint(ids: Iterable[str], config: Mapping[str, Any]) -> str:
    """Return the fingerprint of the configuration of some services: `id:hash` of each, separated by spaces."""
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
    """Return why an environment is not taken over: it was changed since `make adopt` read it.

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
