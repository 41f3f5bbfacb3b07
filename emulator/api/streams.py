"""Subscriptions: what is new since the last look, worked out anew at each change of the state.

Nothing is queued for a subscriber. A `Position` says what it has seen, and the next look begins there: a slow reader
sees the newest status and the lines that it has missed, and costs no memory in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ariadne import ObjectType

from emulator.api.deploys import bounded, deployment_of, deployments_here, lines_of
from emulator.api.request import Info, request_of
from emulator.api.views import View, deployment_view
from emulator.log_query import moment

if TYPE_CHECKING:
    from datetime import datetime

    from emulator.api.request import Request
    from emulator.store import Document

subscription = ObjectType("Subscription")
_MOST_AT_ONCE = 500
"""The lines of one message: a log of any length goes out in pieces of a bounded size."""


@dataclass
class Position:
    """How far a subscriber has read.

    Attributes:
        since: what it has seen; None before the first look.
        now: what it has seen once it is sent what this look found.
        has_more: whether this look left something for another one at once.
    """

    since: Any = None
    now: Any = None
    has_more: bool = False


def _position(info: Info) -> Position:
    position: Position = info.context["position"]
    return position


@subscription.field("deployment")
def deployment(_: object, info: Info, id: str) -> View:
    """Return a deployment as it is: first as it is found, then after each change (fact: subscription-begins)."""
    request = request_of(info)
    row = deployment_of(request, id)
    _position(info).now = (row["status"], row["updatedAt"], bool(row.get("stopped")))
    return deployment_view(request, row)


@subscription.field("buildLogs")
@subscription.field("deploymentLogs")
def logs(_: object, info: Info, deploymentId: str, limit: int | None = None, filter: str | None = None) -> list[View]:
    """Return the last lines of a deployment that fit, then those that are new (fact: logs-in-arrays)."""
    request = request_of(info)
    row = deployment_of(request, deploymentId)
    return _new_lines(request, _position(info), [row], filter, bounded(limit))


@subscription.field("environmentLogs")
def environment_logs(
    _: object,
    info: Info,
    environmentId: str,
    filter: str | None = None,
    beforeLimit: int | None = None,
    beforeDate: str | None = None,
    **_window: Any,
) -> list[View]:
    """Return the last lines of all deployments of an environment that fit, then those that are new, oldest first."""
    request = request_of(info)
    rows = deployments_here(request, environmentId)
    oldest = moment(beforeDate) if beforeDate else None
    return _new_lines(request, _position(info), rows, filter, bounded(beforeLimit), oldest)


def _new_lines(
    request: Request,
    position: Position,
    rows: list[Document],
    filter_: str | None,
    limit: int,
    oldest: datetime | None = None,
) -> list[View]:
    """Return the lines that a subscriber has not seen, and move its position to their end.

    Args:
        request: the subscriber's.
        position: the count of lines that it has seen, by the id of the deployment.
        rows: the deployments.
        filter_: which lines.
        limit: how many lines there are at the first look.
        oldest: when the first of them may be from.
    """
    seen: dict[str, int] = position.since or {}
    fresh = [
        (str(line["timestamp"]), row["id"], number, line)
        for row in rows
        for number, line in lines_of(request, row, filter_, seen.get(row["id"], 0))
    ]
    fresh.sort(key=lambda entry: entry[:3])
    if position.since is None:
        fresh = [entry for entry in fresh if oldest is None or moment(entry[0]) >= oldest]
        fresh = fresh[max(0, len(fresh) - limit) :]
    # What does not fit, or is older than what is asked for, counts as seen.
    position.now = {row["id"]: len(row["logs"]) for row in rows}
    for _at, id_, number, _line in reversed(fresh[_MOST_AT_ONCE:]):
        position.now[id_] = number
    position.has_more = len(fresh) > _MOST_AT_ONCE
    return [line for *_place, line in fresh[:_MOST_AT_ONCE]]
