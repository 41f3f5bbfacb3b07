"""Which lines of a log a query answers: filters and windows. Pure.

A filter is what Railway's log explorer and its CLI write (fact: log-filter). Words and `"quoted words"` are looked for
in the message, `@name:value` in what a line is of, such as `@service:ID` or `@level:error`. A `-` before either turns
it round. What stands side by side must all hold, as with `AND`; `OR` binds less.
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
"""How many lines are answered without a limit, and the most that a limit asks for; both are of the public schema."""
Line = TypeVar("Line")
Fits = Callable[[str, Mapping[str, str]], bool]


def log_filter(text: str | None) -> Fits:
    """Return what tells whether a line fits a filter, from its message and from what it is of.

    A filter that does not close its brackets is read as if it did.
    """
    tokens: list[str] = _TOKEN.findall(text or "")
    found: list[Fits] = []
    while tokens:
        found.append(_any_of(tokens))
        # A bracket that nothing opened ends nothing.
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
    """A stretch of a log around an anchor, as the public schema describes it.

    Attributes:
        oldest: no line is older.
        anchor: the last line before the limit `before` counts from here.
        newest: no line is newer.
        before: the most lines up to the anchor.
        after: the most lines after the anchor.
    """

    oldest: datetime | None
    anchor: datetime
    newest: datetime | None
    before: int
    after: int

    def of(self, lines: Iterable[tuple[datetime, Line]]) -> list[Line]:
        """Return the lines in the window, of lines with their times in the order of time."""
        seen = [
            (at, line)
            for at, line in lines
            if (self.oldest is None or at >= self.oldest) and (self.newest is None or at <= self.newest)
        ]
        until = [line for at, line in seen if at <= self.anchor]
        beyond = [line for at, line in seen if at > self.anchor]
        return [*until[max(0, len(until) - self.before) :], *beyond[: self.after]]


def later_than(last: str, when: str = "") -> str:
    """Return the time as a line of a log has it, to the microsecond, and later than the line before.

    Args:
        last: the time of the line before, or the empty string.
        when: the line's own time; without one it is the present moment.
    """
    at = moment(when) if when else datetime.now(UTC)
    if last:
        at = max(at, moment(last) + timedelta(microseconds=1))
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """Return the time that a client, or a line, names.

    Raises:
        Refusal: it is not a time.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal("Problem processing request") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
