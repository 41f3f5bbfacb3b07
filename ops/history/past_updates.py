"""The updates of a stack with the image that each of them left running. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ops.history.resource_changes import resource_changes
from ops.history.update_origin import commit, origin
from ops.plan.rollout_rows import columns
from ops.printable import escaped, log_line
from ops.status.report import short

HEAD = ("ended", "kind", "result", "seconds", "changes", "image", "pin", "commit", "by")
_PIN = "convos-infra:imageTag"


@dataclass(frozen=True)
class PastDeployment:
    """A deployment of the canary.

    Attributes:
        created_at: when it was made.
        image: what it ran.
    """

    created_at: datetime
    image: str


@dataclass(frozen=True)
class PastUpdate:
    """One update, refresh or destroy.

    Attributes:
        ended_at: when it ended; empty if it did not.
        kind, result: in Pulumi's words.
        seconds: how long it took; None if it did not end.
        changes: how many resources by operation, those that stayed as they were left out.
        image: what the canary ran when it had ended, by Railway's own list of deployments; empty if that is not known.
        pin: the tag that the config pinned; empty if the branch's tag was followed.
        commit: the checkout's, with `+` where files differed from it.
        by: a run of CI, or a shell.
    """

    ended_at: str
    kind: str
    result: str
    seconds: int | None
    changes: Mapping[str, int]
    image: str
    pin: str
    commit: str
    by: str

    def document(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {
            "endedAt": self.ended_at,
            "kind": self.kind,
            "result": self.result,
            "seconds": self.seconds,
            "changes": dict(self.changes),
            "image": self.image,
            "pin": self.pin,
            "commit": self.commit,
            "by": self.by,
        }

    def row(self) -> tuple[str, ...]:
        """Return it for people."""
        changes = ", ".join(f"{count} {name}" for name, count in sorted(self.changes.items())) or "none"
        image = self.image.partition("@")[0].rpartition(":")[2] if "@" in self.image else ""
        shown = " ".join(filter(None, [short(self.image) if self.image else "", image]))
        seconds = "-" if self.seconds is None else str(self.seconds)
        cells = (self.ended_at or "-", self.kind, self.result, seconds, changes)
        return (*cells, shown or "-", self.pin or "-", self.commit or "-", self.by)


def parsed(history: Iterable[Mapping[str, Any]], deployments: Sequence[PastDeployment]) -> list[PastUpdate]:
    """Return the updates, newest first.

    Args:
        history: `pulumi stack history --json`, the newest first.
        deployments: of the canary, in any order.
    """
    return [_update(row, deployments) for row in history]


def lines(updates: Sequence[PastUpdate]) -> list[str]:
    """Return them for people."""
    return [log_line(line) for line in columns([HEAD, *([escaped(cell) for cell in one.row()] for one in updates)])]


def moment(text: object) -> datetime | None:
    """Parse a time as Pulumi and Railway write it; None if it is not one."""
    try:
        found = datetime.fromisoformat(str(text or ""))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _update(row: Mapping[str, Any], deployments: Sequence[PastDeployment]) -> PastUpdate:
    environment = row.get("environment") or {}
    began, ended = moment(row.get("startTime")), moment(row.get("endTime"))
    pin = ((row.get("config") or {}).get(_PIN) or {}).get("value")
    return PastUpdate(
        str(row.get("endTime") or ""),
        str(row.get("kind") or ""),
        str(row.get("result") or "not ended"),
        int((ended - began).total_seconds()) if began is not None and ended is not None else None,
        resource_changes(row),
        _image_at(ended, deployments),
        str(pin or ""),
        commit(environment),
        origin(environment),
    )


def _image_at(ended: datetime | None, deployments: Sequence[PastDeployment]) -> str:
    before = [one for one in deployments if ended is not None and one.created_at.replace(microsecond=0) <= ended]
    return max(before, key=lambda one: one.created_at).image if before else ""
