"""Filters and windows of log queries. Pure.

A filter is in the language of Railway's log explorer and CLI (fact: log-filter). Words and `"quoted words"` must be in
the message; `@name:value` must be an attribute of the line, such as `@service:ID` or `@level:error`. A `-` before
either negates it. Terms side by side must all hold, as with `AND`; `OR` has a lower precedence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from emulator.errors import Refusal

_TOKEN = re.compile(r'-?@[\w.]+:(?:"[^"]*"|[^\s()]+)|-?"[^"]*"|[()]|[^\s()]+')
_SAME = {"severity": "level"}
LINES, MOST_LINES = 100, 5000
"""The default and the maximum number of lines, as the public schema documents them."""
Line = TypeVar("Line")
Fits = Callable[[str, Mapping[str, str]], bool]


def log_filter(text: str | None) -> Fits:
    """Return a predicate of a line's message and attributes that tells whether the line matches a filter.

    Brackets that are not closed end at the end of the text.
    """
    tokens: list[str] = _TOKEN.findall(text or "")
    found: list[Fits] = []
    while tokens:
        found.append(_any_of(tokens))
        # A closing bracket without an opening one is ignored.
        if tokens:
            tokens.pop(0)
    return _all(found)


def _any_of(tokens: list[str]) -> Fits:
    parts = [_all_of(tokens)]
    while tokens and tokens[0] == "OR":
        tokens.pop(0)
        parts.append(_all_of(tokens))
    return parts[0] if len(parts) == 1 else lambda message, of: any(part(message, of) for part in parts)


def _all_of(tokens: list[str]) -> Fits:
    parts = []
    while tokens and tokens[0] not in ("OR", ")"):
        part = tokens.pop(0)
        if part != "AND":
            parts.append(_one(part, tokens))
    return _all(parts)


def _one(part: str, tokens: list[str]) -> Fits:
    if part == "(":
        inner = _any_of(tokens)
        if tokens:
            tokens.pop(0)
        return inner
    if part.startswith("-") and len(part) > 1:
        turned = _one(part[1:], tokens)
        return lambda message, of: not turned(message, of)
    if part.startswith("@") and ":" in part:
        name, _, value = part[1:].partition(":")
        return _is_of(_SAME.get(name.lower(), name.lower()), value.strip('"').lower())
    word = part.strip('"').lower()
    return lambda message, _of: word in message.lower()


def _is_of(name: str, value: str) -> Fits:
    return lambda _message, of: of.get(name, "").lower() == value


def _all(parts: Sequence[Fits]) -> Fits:
    return lambda message, of: all(part(message, of) for part in parts)


@dataclass(frozen=True)
class LogWindow:
    """A part of a log around an anchor, as the public schema describes it.

    Attributes:
        oldest: the time of the oldest line; None for no bound.
        anchor: the time from which `before` and `after` count.
        newest: the time of the newest line; None for no bound.
        before: how many lines up to the anchor.
        after: how many lines after the anchor.
    """

    oldest: datetime | None
    anchor: datetime
    newest: datetime | None
    before: int
    after: int

    def of(self, lines: Iterable[tuple[datetime, Line]]) -> list[Line]:
        """Return the lines in the window; `lines` are pairs of time and line, oldest first."""
        seen = [
            (at, line)
            for at, line in lines
            if (self.oldest is None or at >= self.oldest) and (self.newest is None or at <= self.newest)
        ]
        until = [line for at, line in seen if at <= self.anchor]
        beyond = [line for at, line in seen if at > self.anchor]
        return [*until[max(0, len(until) - self.before) :], *beyond[: self.after]]


def later_than(last: str, when: str = "") -> str:
    """Return the timestamp of a log line, in microseconds, which is later than that of the line before.

    Args:
        last: the timestamp of the line before, or the empty string.
        when: the line's own time; empty for now.
    """
    at = moment(when) if when else datetime.now(UTC)
    if last:
        at = max(at, moment(last) + timedelta(microseconds=1))
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """Return the time in a text from a client or a log line; UTC if it has no zone.

    Raises:
        Refusal: the text is not a time.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal("Problem processing request") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
