"""Rows as lines of a terminal or a file: colours in a terminal only, and no control characters from outside. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ops.printable import escaped
from ops.status.rows import Row, Tone

_CODES = {Tone.BOLD: "\x1b[1m", Tone.RED: "\x1b[1;31m"}
_END = "\x1b[0m"


def lines(table: Sequence[Row], *, colours: bool = False) -> list[str]:
    """Return the table as lines, its first column as wide as its widest cell."""
    wide = max(len(escaped(row.label)) for row in table)
    return [_line(row, wide, colours=colours) for row in table]


def has_colours(environ: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Tell whether colours are wanted: in a terminal, unless NO_COLOR (no-color.org) or TERM=dumb forbids them."""
    return is_terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def _line(row: Row, wide: int, *, colours: bool) -> str:
    text, source = escaped(row.text), f"  [{escaped(row.source)}]" if row.source else ""
    if colours and row.tone in _CODES:
        text = f"{_CODES[row.tone]}{text}{_END}"
    return f"  {escaped(row.label):<{wide}}  {text}{source}".rstrip()
