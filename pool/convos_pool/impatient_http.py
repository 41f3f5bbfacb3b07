"""Closes HTTP connections on which no complete request arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

HEADER_SECONDS = 5.0
"""The interval of the checks, in seconds; a connection is closed at the second one without a request."""


class ImpatientProtocol(H11Protocol):
    """An HTTP connection that is closed if two checks in a row, every `header_seconds`, find no complete request.

    uvicorn's own limit applies only while no byte of a request has arrived, so a slow sender would never reach it.
    """

    header_seconds: ClassVar[float] = HEADER_SECONDS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the checks."""
        super().connection_made(transport)
        self._was_silent = False
        self._look_later()

    def _look_later(self) -> None:
        self._looking = self.loop.call_later(self.header_seconds, self._look)

    def _look(self) -> None:
        # This is None before the first request, although its type does not allow it.
        cycle: Any = self.cycle
        is_silent = cycle is None or cycle.response_complete
        if self.transport.is_closing():
            return
        if is_silent and self._was_silent:
            self.transport.abort()
            return
        self._was_silent = is_silent
        self._look_later()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the checks."""
        self._looking.cancel()
        super().connection_lost(exc)
