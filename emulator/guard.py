"""Protects an emulator on loopback from web pages, by the headers Host, Origin and Sec-Fetch-Site.

A page of any site can send requests to 127.0.0.1, and by DNS rebinding read the answers. So the Host of each request
must be a name of this machine, and a request that a browser marks as coming from another origin is refused. Admin
requests that change something also need the account token and JSON, for which a browser first sends a CORS preflight.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

SWITCHES = "/_emulator/"
_NAMES = frozenset({"localhost", "host.docker.internal"})
"""Containers on this machine use the second one."""
_READS = frozenset({"GET", "HEAD"})
_OWN_SITE = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site; `none` is an address that a person typed."""


def refusal(method: str, path: str, headers: Mapping[str, str], token: str) -> tuple[int, str] | None:
    """Return the status and the message with which a request is refused; None if it is allowed. Pure.

    Args:
        method: in capitals.
        path: the path without the query.
        headers: by their names in lower case.
        token: the account token.
    """
    host = headers.get("host", "")
    if not _is_ours(host):
        return 403, "the Host header must be a name of this machine, such as 127.0.0.1"
    origin = headers.get("origin")
    if origin is not None and origin.lower() != f"http://{host}".lower():
        return 403, "a page of another origin may not call the emulator"
    if headers.get("sec-fetch-site", "none").lower() not in _OWN_SITE:
        return 403, "a page of another site may not call the emulator"
    if not path.startswith(SWITCHES) or method in _READS:
        return None
    if not has_token(headers, token):
        return 401, "a request that changes something needs Authorization: Bearer with the account token"
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if method != "DELETE" and kind != "application/json":
        return 415, "a request that changes something needs Content-Type: application/json"
    return None


def has_token(headers: Mapping[str, str], token: str) -> bool:
    """Tell whether a request has the account token."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def _is_ours(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name.rstrip(".") in _NAMES:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class Guard:
    """ASGI middleware that refuses requests as `refusal` says."""

    def __init__(self, application: ASGIApp, token: str) -> None:
        self._application = application
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; a WebSocket begins as a GET, and a page may open one to any address."""
        if scope["type"] not in {"http", "websocket"}:
            await self._application(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in Headers(scope=scope).items()}
        refused = refusal(scope.get("method", "GET"), scope["path"], headers, self._token)
        if refused is not None:
            answer = JSONResponse({"error": refused[1]}, refused[0])
            if scope["type"] == "websocket":
                await WebSocket(scope, receive, send).send_denial_response(answer)
            else:
                await answer(scope, receive, send)
            return
        await self._application(scope, receive, send)


async def document(read: Callable[[], Awaitable[bytes]]) -> dict[str, Any]:
    """Return the JSON object in a request's body.

    Raises:
        ValueError: the body is not JSON, or not an object.
    """
    try:
        found = json.loads(await read(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON") from None
    if not isinstance(found, dict):
        raise ValueError("the body is not an object")  # noqa: TRY004  # a bad value from a caller
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
