"""The resolvers of subscriptions: after each change of the state, they return what the subscriber has not seen.

Nothing is queued for a subscriber. Its `Position` says what it has seen, and the next resolution begins there. So a
slow reader gets the newest status and the lines that it missed, and needs no memory in between.
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
"""How many lines a message can have; a longer log is sent in several."""


@dataclass
class Position:
    """How far a subscriber has read.

    Attributes:
        since: what it has seen; None before the first message.
        now: what it will have seen once it gets the current result.
        has_more: whether the current result leaves lines for another message.
    """

    since: Any = None
    now: Any = None
    has_more: bool = False


def _position(info: Info) -> Position:
    position: Position = info.context["position"]
    return position


@subscription.field("deployment")
def deployment(_: object, info: Info, id: str) -> View:
    """Return a deployment: at the beginning, and after each change (fact: subscription-begins)."""
    request = request_of(info)
    row = deployment_of(request, id)
    _position(info).now = (row["status"], row["updatedAt"], bool(row.get("stopped")))
    return deployment_view(request, row)


@subscription.field("buildLogs")
@subscription.field("deploymentLogs")
def logs(_: object, info: Info, deploymentId: str, limit: int | None = None, filter: str | None = None) -> list[View]:
    """Return the last matching lines of a deployment, then each new one (fact: logs-in-arrays)."""
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
    """Return the last matching lines of all deployments of an environment, then each new one, oldest first."""
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
        request: the subscriber's request.
        position: how many lines it has seen, by the deployment's id.
        rows: the deployments.
        filter_: the filter of lines.
        limit: how many lines the first message has.
        oldest: no line of the first message is older; None for no bound.
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
    # Lines that do not match, or are older than requested, count as seen.
    position.now = {row["id"]: len(row["logs"]) for row in rows}
    for _at, id_, number, _line in reversed(fresh[_MOST_AT_ONCE:]):
        position.now[id_] = number
    position.has_more = len(fresh) > _MOST_AT_ONCE
    return [line for *_place, line in fresh[:_MOST_AT_ONCE]]
