"""Validates the links that an agent may be told to join."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

LONGEST_URL = 2000
_URL = re.compile(r"[!#$%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]{1,2000}")
"""The characters of RFC 3986. With any other, such as `\\`, phones and browsers disagree where the host ends."""
_HOST = re.compile(r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_FOREIGN = {"production": "dev.convos.org"}
_FOREIGN_ELSEWHERE = "popup.convos.org"
"""Links of the other network: an agent in production cannot join a conversation in the development network."""


def join_link_problem(url: str, environment: str) -> str:
    """Return the problem of a `joinUrl`; empty if there is none.

    Args:
        url: the URL from the caller.
        environment: POOL_ENVIRONMENT: `dev`, `staging` or `production`.
    """
    if len(url) > LONGEST_URL:
        return f"longer than {LONGEST_URL} characters"
    host = _host(url)
    if host is None:
        return "must be a URL that starts with https:// and names a host"
    foreign = _FOREIGN.get(environment, _FOREIGN_ELSEWHERE)
    if host == foreign or host.endswith(f".{foreign}"):
        return f"links of {foreign} cannot be joined in {environment}"
    return ""


def invite_link_problem(url: str) -> str:
    """Return the problem of a link from an agent's answer, which reaches a browser; empty if there is none."""
    if not _URL.fullmatch(url):
        return "is not a URL"
    scheme, separator, _ = url.lower().partition("://")
    is_known = scheme in {"https", "http"} or scheme.startswith("convos")
    if not separator or not is_known:
        return "is not a URL of the web or of Convos"
    authority = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]
    if not authority:
        return "names no host"
    # People take the text before an at sign for the host.
    return "contains a login" if "@" in authority else ""


def _host(url: str) -> str | None:
    # Browsers remove tabs and line breaks from a URL and read `\` as `/`: this must check what they would open.
    if not re.fullmatch(r"[\x21-\x7e]+", url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        has_login = parts.username is not None or parts.password is not None
        host = (parts.hostname or "").rstrip(".")
        if parts.scheme != "https" or has_login or not _has_valid_port(parts):
            return None
    except ValueError:
        return None
    return host if _HOST.fullmatch(host) else None


def _has_valid_port(parts: SplitResult) -> bool:
    return parts.port is None or parts.port > 0
