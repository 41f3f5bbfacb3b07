"""`python -m convos_pool`: runs the pool manager until SIGTERM."""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import TYPE_CHECKING

import uvicorn

from . import app, settings
from .errors import SettingsError
from .impatient_http import ImpatientProtocol
from .journal import LibraryLog
from .serve import Service

if TYPE_CHECKING:
    from types import FrameType

DRAIN_SECONDS = 5
"""How long, in seconds, to wait for running requests after SIGTERM."""
END_SECONDS = 8.0
"""How long, in seconds, the process may live after SIGTERM, even if something hangs: the next pool manager completes
interrupted work. It is less than the promised ten seconds, as a busy machine adds delays."""


class Server(uvicorn.Server):
    """The web server; it stops in time even if a request or a tick hangs.

    Args:
        config: the settings of uvicorn.
        service: the pool manager.
    """

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop: streams are closed, and no new tick begins."""
        if not self._service.is_ending:
            self._service.end()
            watch = threading.Timer(END_SECONDS, self._cut_off)
            watch.daemon = True
            watch.start()
        super().handle_exit(sig, frame)

    def _cut_off(self) -> None:
        # At its end, the interpreter would wait for all threads of requests, however long an agent or a database takes.
        self._service.journal("stopping although requests are in progress; the next pool manager will complete them")
        os._exit(0)


def main() -> int:
    """Run until told to stop; return the exit code."""
    try:
        read = settings.read(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"pool: {error}\n")
        return 1
    service = Service(read)
    service.journal(f"listening on {read.port}, runtime image {read.runtime_image}")
    logging.basicConfig(handlers=[LibraryLog(service.journal)])
    # psycopg also warns that a broken connection cannot be rolled back; the broken connection was already reported.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    config = uvicorn.Config(
        app.create(service),
        host="0.0.0.0",  # noqa: S104 - Railway's proxy is outside of the container
        port=read.port,
        log_config=None,
        http=ImpatientProtocol,
        access_log=False,
        # uvicorn must not replace the peer's address; `dashboard.caller` decides which header counts.
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    Server(config, service).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
