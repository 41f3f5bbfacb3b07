"""The one parser of URLs that people give: it answers where Python's own raises."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

_BLANK_OR_CONTROL = re.compile(r"[\x00-\x20\x7f]")


def parsed(url: str) -> SplitResult | None:
    """Return the parts of a URL, None where it is malformed: a stray bracket, an invalid port, a blank."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    # Python drops line breaks and tabs without a word, so the text itself is looked at.
    return None if _BLANK_OR_CONTROL.search(url) else parts
