"""Text of others on one line of a log: what would move a terminal's cursor, or begin a line, is shown as an escape."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return `text` with everything that is not a visible character, or a plain space, as an escape sequence."""
    # isprintable is False for controls, line and paragraph separators, and the marks that turn the writing direction.
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text)
