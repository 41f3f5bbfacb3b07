"""Subscriptions: what is new since the last look, worked out anew at each change of the state.

Nothing is queued for a subscriber. A `Position` says what it has seen, and the next look begins there: a slow reader
sees the newest status and the lines that it has missed, and costs no memory in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ariadne import ObjectType

from emulator.api.deploys import deployment_of, line_filter, lines_of
from emulator.api.request import Info, request_of
from emulator.api.views import View, deployment_view

if TYPE_CHECKING:
    from emulator.store import Document

subscription = ObjectType("Subscription")
# Both are of the public schema, in the description of `limit`.
_LINES, _MOST_LINES = 100, 5000
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
    """Return the last lines of a deployment, then those that are new (fact: logs-in-arrays)."""
    row = deployment_of(request_of(info), deploymentId)
    return _new_lines(_position(info), [row], _bounded(limit), "", filter)


@subscription.field("environmentLogs")
def environment_logs(
    _: object,
    info: Info,
    environmentId: str,
    beforeLimit: int | None = None,
    beforeDate: str | None = None,
    filter: str | None = None,
    **_window: Any,
) -> list[View]:
    """Return the last lines of all deployments of an environment, then those that are new, oldest first."""
    request = request_of(info)
    request.environment(environmentId)
    rows = request.store.all("deployment", lambda row: row["environmentId"] == environmentId)
    return _new_lines(_position(info), rows, _bounded(beforeLimit), beforeDate or "", filter)


def _bounded(limit: int | None) -> int:
    return _LINES if limit is None else max(0, min(limit, _MOST_LINES))


def _new_lines(position: Position, rows: list[Document], limit: int, oldest: str, filter_: str | None) -> list[View]:
    """Return the lines that a subscriber has not seen, and move its position to their end.

    Args:
        position: the count of lines that it has seen, by the id of the deployment.
        rows: the deployments.
        limit: how many lines there are at the first look.
        oldest: when the first of them may be from.
        filter_: which lines there are for this subscriber.
    """
    fits = line_filter(filter_)
    is_first = position.since is None
    seen: dict[str, int] = dict(position.since or {})
    fresh = [
        (str(line["timestamp"]), row["id"], index, line)
        for row in rows
        for index, line in enumerate(lines_of(row, seen.get(row["id"], 0)), seen.get(row["id"], 0))
        if fits(row, line)
    ]
    fresh.sort(key=lambda entry: entry[:3])
    if is_first:
        # Those that are too old, or too many, count as seen.
        seen = {row["id"]: len(row["logs"]) for row in rows}
        fresh = [entry for entry in fresh if entry[0] >= oldest]
        fresh = fresh[max(0, len(fresh) - limit) :]
        for _at, id_, index, _line in reversed(fresh):
            seen[id_] = index
    position.has_more = len(fresh) > _MOST_AT_ONCE
    for _at, id_, index, _line in fresh[:_MOST_AT_ONCE]:
        seen[id_] = index + 1
    position.now = seen
    return [line for *_place, line in fresh[:_MOST_AT_ONCE]]
