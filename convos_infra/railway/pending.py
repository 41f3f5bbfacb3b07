"""Deleted things that can still be restored: until when, and how. Pure.

Railway keeps a deleted volume for 48 hours; it can be restored by the link that is sent by e-mail
(docs.railway.com/volumes). Until then `VolumeInstance.isPendingDeletion` is set; `deletedAt` is the end of its data.
The scheduled deletion of a project waits as long (fact: volume-grace): its `deletedAt` is in the future.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convos_infra.railway.snapshot import Snapshot

KEPT = timedelta(hours=48)
_CLOCKS = timedelta(minutes=10)
"""How far the clocks of Railway and this machine may be apart; a deletion that is closer counts as done."""


def of_id(snapshot: Snapshot, volume_id: str) -> Mapping[str, Any] | None:
    """Return the pending instance of a volume in an environment."""
    return next((row for row in snapshot.pending_volumes if row["volumeId"] == volume_id), None)


def restorable(snapshot: Snapshot, wanted: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the deleted volume with data that a new, empty one would replace.

    Railway detaches a volume when it is deleted, so it is found by its name, `<service>-volume` unless somebody gave
    it another, and by its path. A service that was made after the deletion starts with an empty volume on purpose.

    Args:
        snapshot: the environment.
        wanted: the inputs of the volume that would be made.
    """
    named = re.compile(rf"{re.escape(wanted['service'])}-volume(-[A-Za-z0-9]+)?")
    for row in snapshot.pending_volumes:
        name = str((snapshot.volumes.get(row["volumeId"]) or {}).get("name") or "")
        is_of_service = row.get("serviceId") == wanted["serviceId"] or bool(named.fullmatch(name))
        until, made_at = (
            _moment(str(row.get("deletedAt") or "")),
            _moment(snapshot.made_at.get(wanted["serviceId"], "")),
        )
        is_older = until is None or made_at is None or made_at < until - KEPT
        has_data = float(row.get("currentSizeMB") or 0) > 0
        if is_of_service and is_older and has_data and row.get("mountPath") == wanted["mountPath"]:
            return row
    return None


def hours_left(until: str, now: datetime) -> int | None:
    """Return how many whole hours are left before the data is deleted; None if Railway does not say."""
    moment = _moment(until)
    return None if moment is None else max(0, int((moment - now) / timedelta(hours=1)))


def told(until: str, now: datetime) -> str:
    """Return the text about a volume that Railway is deleting: until when it can be restored, and how."""
    hours = hours_left(until, now)
    left = f"for {hours} more hours (until {until})" if hours is not None else "for up to 48 hours"
    return (
        f"Railway is deleting it; its data can be restored {left}: use the link in Railway's e-mail about the deletion"
    )


def scheduled(row: Mapping[str, Any], now: datetime) -> str:
    """Return when a project or an environment will be deleted; empty if it lives on, or is gone already."""
    until = str(row.get("deletedAt") or "")
    moment = _moment(until)
    return until if moment is not None and moment > now + _CLOCKS else ""


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
