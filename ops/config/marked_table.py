"""The part of a page that `make config-docs` writes, between two marks. Pure."""

from __future__ import annotations

_BEGIN, _END = "<!-- variables: written by make config-docs -->\n", "<!-- end of variables -->\n"


def with_table(page: str, table: str) -> str:
    """Return the page with a table between its two marks; without the marks, the page is returned unchanged."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    return f"{before}{begin}{table}{end}{after}" if end else page
