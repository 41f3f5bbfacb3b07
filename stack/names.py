"""Lists of names in one value of a stack's config, separated by spaces, commas or both."""

from __future__ import annotations

import re

_SEPARATORS = re.compile(r"[\s,]+")


def listed(text: str) -> tuple[str, ...]:
    """Return the distinct names in a text, in order."""
    return tuple(dict.fromkeys(name for name in _SEPARATORS.split(text) if name))
