"""What a planted fault does to a request: another answer, a pause, or a connection that is cut."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, JSONResponse, Response

from emulator import execution

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.applications import Starlette

    from emulator.faults import Fault

ANSWERS = {
    "429": (429, "<html><body><h1>429 Too Many Requests</h1></body></html>"),
    "502": (502, "<html><body><h1>502 Bad Gateway</h1></body></html>"),
    "html": (200, "<html><body>Railway is under maintenance</body></html>"),
    "empty": (200, ""),
}


class Dropped(Exception):
    """The connection is to be cut without an answer."""


class ConnectionCutter:
    """Closes the connection without an answer if the application raises `Dropped`, as a network does.

    uvicorn closes the transport when an application returns without a response. It logs that as an error, which
    `__main__` hides.
    """

    def __init__(self, application: Starlette) -> None:
        self._application = application

    async def __call__(
        self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        """Serve one ASGI connection."""
        with contextlib.suppress(Dropped):
            await self._application(scope, receive, send)


def answer_of(fault: Fault) -> Response | None:
    """Return the answer that a planted fault gives instead of the real one; None if the request is carried out.

    Raises:
        Dropped: the connection is to be cut instead.
    """
    if fault.kind == "drop_before":
        raise Dropped
    if fault.kind == "slow":
        time.sleep(fault.seconds)
        return None
    if fault.kind in ANSWERS:
        status, text = ANSWERS[fault.kind]
        headers = {"Retry-After": str(max(1, int(fault.seconds)))} if fault.kind == "429" else {}
        return HTMLResponse(text, status, headers)
    if fault.kind == "opaque":
        return response(execution.opaque())
    if fault.kind == "null_data":
        return JSONResponse({"data": None})
    if fault.kind == "not_authorized":
        return response(execution.refused("Not Authorized", "INTERNAL_SERVER_ERROR"))
    if fault.kind == "throttled":
        return response(
            execution.refused(
                "You are creating projects too quickly. Please wait before trying again.", "INTERNAL_SERVER_ERROR"
            )
        )
    return None


def response(answer: execution.Answer, headers: dict[str, str] | None = None) -> Response:
    """Return an answer as HTTP."""
    return JSONResponse(dict(answer.body), answer.status, headers)
