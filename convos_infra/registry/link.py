"""Parses the `Link` header, which contains the next page of a list. Pure. Grammar: RFC 8288, section 3.

Deletions are planned from such lists, so a list must never be truncated silently: a header that cannot be parsed is
an error, never "the last page".
"""

from __future__ import annotations

import re

_TARGET = re.compile(r"[\s,]*<(?P<url>[^>]*)>")
_PARAMETER = re.compile(
    r'\s*;\s*(?:(?P<key>[^\s=;,"<>]+)\s*(?:=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s;,"]*)))?)?'
)


class LinkError(ValueError):
    """The header does not follow the grammar."""


def next_target(header: str) -> str | None:
    """Return the target of the link with the relation `next`, unchanged and often relative; None if there is none.

    Names of parameters and relations are case-insensitive. One `rel` may contain several relations. If there are
    several `rel`, the first one counts (RFC 8288, section 3.3).

    Raises:
        LinkError: the header is malformed, or contains several next pages.
    """
    found = {url for url, relations in _links(header) if "next" in relations}
    if len(found) > 1:
        raise LinkError("names several next pages")
    if "" in found:
        raise LinkError("names a next page without an address")
    return found.pop() if found else None


def _links(header: str) -> list[tuple[str, frozenset[str]]]:
    links: list[tuple[str, frozenset[str]]] = []
    position = 0
    while header[position:].strip(" \t,"):
        target = _TARGET.match(header, position)
        if target is None:
            raise LinkError("cannot be read")
        position = target.end()
        relations: frozenset[str] | None = None
        while parameter := _PARAMETER.match(header, position):
            position = parameter.end()
            if relations is None and (parameter["key"] or "").lower() == "rel":
                value = parameter["plain"] if parameter["quoted"] is None else parameter["quoted"]
                relations = frozenset((value or "").lower().split())
        if header[position:].lstrip(" \t")[:1] not in {"", ","}:
            raise LinkError("cannot be read")
        links.append((target["url"].strip(), relations or frozenset()))
    return links
