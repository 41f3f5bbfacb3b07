"""Texts from outside, made safe for a terminal or a log. Pure."""

from __future__ import annotations

import unicodedata

_STEERING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of characters that print nothing of their own: controls, marks of direction, line separators."""


def escaped(text: str) -> str:
    """Return a text in which characters that would steer a terminal stand as Python writes them, escaped."""
    return "".join(_shown(one) if unicodedata.category(one) in _STEERING else one for one in text)


def _shown(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
