"""A TCP forwarder, for TCP proxies and for servers on the host's loopback that containers have to reach."""

from __future__ import annotations

import contextlib
import socket
import threading

_CHUNK = 65536
_RETRY_SECONDS = 0.5


class Forwarder:
    """Listens on `host:port` and pipes each connection to `target` (host, port) until it is closed.

    The address may be unavailable for a moment: a client's connection may use the port, and after a restart of Docker
    its network may have no address yet. Until it is available, a thread tries again.
    """

    def __init__(self, host: str, port: int, target: tuple[str, int]) -> None:
        self.target = target
        self._address = (host, port)
        self._closed = threading.Event()
        self._server = self._bound()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._closed.set()
        if self._server is not None:
            with contextlib.suppress(OSError):
                self._server.shutdown(socket.SHUT_RDWR)
            self._server.close()

    def _bound(self) -> socket.socket | None:
        try:
            return socket.create_server(self._address)
        except OSError:
            return None

    def _serve(self) -> None:
        while self._server is None:
            if self._closed.wait(_RETRY_SECONDS):
                return
            self._server = self._bound()
        if self._closed.is_set():
            self._server.close()
            return
        self._accept(self._server)

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            try:
                upstream = socket.create_connection(self.target, timeout=10)
                upstream.settimeout(None)
            except OSError:
                client.close()
                continue
            for source, sink in ((client, upstream), (upstream, client)):
                threading.Thread(target=_pipe, args=(source, sink), daemon=True).start()


def _pipe(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(_CHUNK):
            sink.sendall(chunk)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
