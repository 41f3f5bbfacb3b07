"""An HTTP server of this process that can be restarted on its port, and that cuts its connections as a process does."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from typing import Any


class CuttingServer(ThreadingHTTPServer):
    """Keeps its connections, so that `cut` can end them: its threads would go on with them otherwise."""

    # A hundred agents are asked at once.
    request_queue_size = 256
    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        self._open = set[socket.socket]()
        super().__init__(*arguments)

    def get_request(self) -> tuple[socket.socket, Any]:
        accepted, address = super().get_request()
        self._open.add(accepted)
        return accepted, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: the other side, or `cut`, has ended the connection."""

    def cut(self) -> None:
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class RestartedServer:
    """Serves until `stop`, and on the same port again after `start`.

    Args:
        make: returns a server for a port; 0 is any free one.
    """

    def __init__(self, make: Callable[[int], ThreadingHTTPServer]) -> None:
        self._make = make
        self._server = make(0)
        self.port = int(self._server.server_address[1])
        self._serve()

    def restart(self, seconds: float) -> None:
        """Stop, and start again after so many seconds."""
        self.stop()
        time.sleep(seconds)
        self._server = self._make(self.port)
        self._serve()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        if isinstance(self._server, CuttingServer):
            self._server.cut()
        self._thread.join(5)

    def _serve(self) -> None:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
