"""Rows as lines of a terminal or a file: colours in a terminal only, and nothing from outside that steers it. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from ops.status.rows import Row, Tone

_CODES = {Tone.BOLD: "\x1b[1m", Tone.RED: "\x1b[1;31m"}
_END = "\x1b[0m"
_STEERING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of characters that print nothing of their own: controls, marks of direction, line separators."""


def lines(table: Sequence[Row], *, colours: bool = False) -> list[str]:
    """Return the table as lines, its first column as wide as its widest cell."""
    wide = max(len(escaped(row.label)) for row in table)
    return [_line(row, wide, colours=colours) for row in table]


def has_colours(environ: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Tell whether colours are wanted: in a terminal, unless NO_COLOR (no-color.org) or a dumb one forbids them."""
    return is_terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def escaped(text: str) -> str:
    """Return a text in which characters that would steer a terminal stand as Python writes them, escaped."""
    return "".join(_shown(one) if unicodedata.category(one) in _STEERING else one for one in text)


def _shown(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _line(row: Row, wide: int, *, colours: bool) -> str:
    text, source = escaped(row.text), f"  [{escaped(row.source)}]" if row.source else ""
    if colours and row.tone in _CODES:
        text = f"{_CODES[row.tone]}{text}{_END}"
    return f"  {escaped(row.label):<{wide}}  {text}{source}".rstrip()
