"""Lists of names in one text of a stack's config: separated by blanks, commas or both."""

from __future__ import annotations

import re

_SEPARATORS = re.compile(r"[\s,]+")


def listed(text: str) -> tuple[str, ...]:
    """Return the names in a text, each once, in their order."""
    return tuple(dict.fromkeys(name for name in _SEPARATORS.split(text) if name))
