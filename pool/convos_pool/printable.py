"""Makes untrusted text safe for one line of a log: characters that control a terminal or end a line are escaped."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return `text` with every character that is neither visible nor a plain space as an escape sequence."""
    # isprintable is False for controls, line and paragraph separators, and the marks that change the writing direction.
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text)
