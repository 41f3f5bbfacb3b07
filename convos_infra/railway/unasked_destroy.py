"""Checks a deletion in a destroy whose gate did not run: the state is of an older release, or incomplete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.ownership import DELETE, DestroyPolicy
from convos_infra.railway import destroy_reasons
from convos_infra.railway.snapshot import Gone, Snapshot

if TYPE_CHECKING:
    from convos_infra.railway.session import Session


def refuse(session: Session, props: Mapping[str, Any], subject: str, policy: DestroyPolicy) -> None:
    """Refuse the deletion if there is a reason against the destroy; checked once for each environment and run.

    Args:
        session: the session of this run.
        props: the properties of the thing that would be deleted.
        subject: the subject of errors.
        policy: the stack's policy for its destroy.

    Raises:
        InfraError: there is a reason; nothing was deleted in this run.
    """
    environment_id = str(props["environmentId"])
    with session.run.lock:
        if session.run.is_update or environment_id in session.run.asked:
            return
        reasons = destroy_reasons.without_a_gate(_seen(session, props, subject, policy), policy)
        if reasons:
            raise destroy_reasons.refusal(reasons)
        session.run.asked.add(environment_id)


def _seen(session: Session, props: Mapping[str, Any], subject: str, policy: DestroyPolicy) -> Snapshot | None:
    """Return the environment; None if it is gone, or if the policy makes its content irrelevant."""
    if policy.data == DELETE:
        return None
    try:
        return session.read(props, subject=subject)
    except Gone:
        return None
