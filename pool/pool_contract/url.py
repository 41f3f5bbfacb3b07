"""The only parser of URLs that people enter. It returns None where `urlsplit` raises or is too lenient."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

_BLANK_OR_CONTROL = re.compile(r"[\x00-\x20\x7f]")


def parsed(url: str) -> SplitResult | None:
    """Return the parts of a URL, or None if it is malformed: a stray bracket, an invalid port, a blank."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    # Python silently drops line breaks and tabs, so this checks the text itself.
    return None if _BLANK_OR_CONTROL.search(url) else parts
