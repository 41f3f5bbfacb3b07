"""The stacks of pull requests: which exist, how long they live, and what their pull requests are told. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

LABEL = "pr-stack"
HOURS = 72
"""The lifetime of a stack after its last update, unless PR_STACK_HOURS or --hours says otherwise."""
_NAME = re.compile(r"pr-(?P<number>[1-9]\d*)")


@dataclass(frozen=True)
class Left:
    """The stack of a pull request, as the backend lists it.

    Attributes:
        name: pr-N.
        updated: its last update; None if it was never updated.
        is_updating: whether an update is running.
    """

    name: str
    updated: datetime | None
    is_updating: bool = False

    @property
    def number(self) -> int:
        """The number of its pull request."""
        return number_of(self.name)


def number_of(name: str) -> int:
    """Return the number of the pull request that a stack or environment belongs to; 0 for any other name."""
    found = _NAME.fullmatch(name)
    return int(found["number"]) if found else 0


def there(rows: Sequence[Mapping[str, Any]]) -> list[Left]:
    """Return the pull requests' stacks among those that `pulumi stack ls --json` lists."""
    found = []
    for row in rows:
        if number_of(str(row.get("name"))):
            when, is_updating = str(row.get("lastUpdate") or ""), bool(row.get("updateInProgress"))
            found.append(Left(str(row["name"]), datetime.fromisoformat(when) if when else None, is_updating))
    return found


def why_over(left: Left, pull: Mapping[str, Any] | None, now: datetime, hours: int) -> str:
    """Return why a stack has expired; empty if it has not.

    Args:
        left: the stack.
        pull: its pull request; None if no pull request has that number.
        now: the current time, with a time zone.
        hours: the lifetime of a stack after its last update.
    """
    if left.is_updating:
        return ""
    if pull is None:
        return "no such pull request exists"
    if pull.get("state") != "open":
        return "its pull request is closed"
    if LABEL not in {str(label.get("name")) for label in pull.get("labels") or []}:
        return f"its pull request has no label {LABEL}"
    if left.updated is None:
        return "no update of it has ever finished"
    if now - left.updated > timedelta(hours=hours):
        return f"its last update was more than {hours} hours ago"
    return ""


def announcement(name: str, urls: Mapping[str, str], hours: int) -> str:
    """Return the comment on a pull request's stack.

    Args:
        name: the stack's name.
        urls: the address of each service; empty if it has none.
        hours: the lifetime of the stack after its last update.
    """
    lines = [f"### Stack `{name}`", "", *(f"- {key}: {url or 'no address'}" for key, url in urls.items())]
    when = f"with the label `{LABEL}` or the pull request, and {hours} hours after its last update"
    return "\n".join([*lines, "", f"It is destroyed {when}."])
