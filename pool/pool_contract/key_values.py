"""The allowed values of a variable; each kind describes the problem of a value in one line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from pool_contract.url import parsed

IMAGE = r"[a-z0-9][a-zA-Z0-9._:/@-]*"


@dataclass(frozen=True)
class Anything:
    """Any text on one line."""

    def problem(self, value: str) -> str:
        """Return the problem of a value; empty if there is none."""
        return "must not contain NUL" if "\x00" in value else ""


@dataclass(frozen=True)
class Choice:
    """One of several values."""

    values: tuple[str, ...]

    def problem(self, value: str) -> str:
        """Return the problem of a value; empty if there is none."""
        return "" if value in self.values else f"must be one of {', '.join(self.values)}"


@dataclass(frozen=True)
class Number:
    """A whole number in a range, both ends included."""

    lowest: int
    highest: int

    def problem(self, value: str) -> str:
        """Return the problem of a value; empty if there is none."""
        if re.fullmatch(r"[0-9]{1,12}", value) and self.lowest <= int(value) <= self.highest:
            return ""
        return f"must be a whole number from {self.lowest} to {self.highest}"


@dataclass(frozen=True)
class Pattern:
    """Text with a format.

    Attributes:
        expression: the pattern of the whole value.
        form: the format, for people.
    """

    expression: str
    form: str

    def problem(self, value: str) -> str:
        """Return the problem of a value; empty if there is none."""
        return "" if re.fullmatch(self.expression, value) else f"must be {self.form}"


@dataclass(frozen=True)
class Url:
    """A URL with one of these schemes.

    Attributes:
        schemes: without `://`.
        carries_key: whether requests to it contain a key, so that they must be encrypted beyond this machine.
    """

    schemes: tuple[str, ...]
    carries_key: bool = False

    def problem(self, value: str) -> str:
        """Return the problem of a value; empty if there is none."""
        parts = parsed(value)
        if parts is not None and parts.scheme in self.schemes and parts.netloc:
            return ""
        return f"must be a URL that starts with {' or '.join(f'{scheme}://' for scheme in self.schemes)}"


Values: TypeAlias = Anything | Choice | Number | Pattern | Url
