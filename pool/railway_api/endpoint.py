"""Railway's endpoint, and which endpoints may see a token. It imports no HTTP client: every program start needs it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from railway_api.failure import Failure

DEFAULT_ENDPOINT = "https://backboard.railway.com/graphql/v2"
# The last one is Docker's name, inside of a container, for the machine that runs it: `make local` puts it there.
THIS_MACHINE = re.compile(r"^(localhost|127(\.\d{1,3}){3}|::1|host\.docker\.internal)$")


def checked_endpoint(endpoint: str) -> str:
    """Return `endpoint` if a token may be sent there: https anywhere, http on this machine only."""
    scheme, host = _scheme_and_host(endpoint)
    if scheme not in {"http", "https"} or not host:
        raise Failure("railwayEndpoint", f"{endpoint!r} is not an http(s) URL", f"the default is {DEFAULT_ENDPOINT}")
    if scheme == "http" and not THIS_MACHINE.match(host):
        raise Failure("railwayEndpoint", f"{endpoint!r} would send the token unencrypted", "use https")
    return endpoint


def _scheme_and_host(url: str) -> tuple[str, str]:
    """Return both, empty if the URL is malformed: Python raises for a stray bracket and for an invalid port."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "", ""
    return parts.scheme, parts.hostname or ""
