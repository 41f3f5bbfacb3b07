"""Texts from outside, made safe for a terminal or a log. Pure."""

from __future__ import annotations

import unicodedata

_STEERING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of characters that are not visible: controls, direction marks, line separators."""


def escaped(text: str) -> str:
    """Return a text in which characters that would control a terminal are escaped as in Python."""
    return "".join(_shown(one) if unicodedata.category(one) in _STEERING else one for one in text)


def _shown(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
