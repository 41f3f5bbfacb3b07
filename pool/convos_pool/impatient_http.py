"""HTTP connections on which no request comes are closed, also where one is begun and never ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

HEADER_SECONDS = 5.0


class ImpatientProtocol(H11Protocol):
    """uvicorn's own limit is for a connection without a byte of a request; one that sends a byte now and then has none.

    Looked at every `header_seconds`: a connection that had no request under way twice in a row is closed.
    """

    header_seconds: ClassVar[float] = HEADER_SECONDS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to look."""
        super().connection_made(transport)
        self._was_silent = False
        self._look_later()

    def _look_later(self) -> None:
        self._looking = self.loop.call_later(self.header_seconds, self._look)

    def _look(self) -> None:
        # None before the first request, which its type does not say.
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
        """Look no more."""
        self._looking.cancel()
        super().connection_lost(exc)
