"""A TCP connection that can swallow: both ends stay connected, and nothing arrives any more, as with a dead network."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from tests.support.refusing_postgres import is_statement, refused


@dataclass
class Wire:
    """Forwards bytes to a server, or swallows them for good.

    Attributes:
        url: as the server's, through the wire.
        swallows: set while bytes are lost; connections that lost some never carry any again.
        lost: how many times bytes were lost.
        sent: how many messages clients have sent.
        dies_after: after so many more of them, the connection of the last one carries nothing any more; others do.
        refuses: the SQLSTATE with which the server answers that message, or the next statement, instead.
    """

    url: str
    swallows: threading.Event = field(default_factory=threading.Event)
    lost: int = 0
    sent: int = 0
    dies_after: int | None = None
    refuses: str = ""
    counting: threading.Lock = field(default_factory=threading.Lock)
    servers: list[socket.socket] = field(default_factory=list)

    def dies_with(self, data: bytes) -> bool:
        """Count a message of a client, and say whether it is the one that is lost or refused."""
        with self.counting:
            self.sent += 1
            if self.dies_after is None:
                return False
            self.dies_after -= 1
            if self.dies_after >= 0 or (self.refuses and not is_statement(data)):
                return False
            self.dies_after = None
            return True


@contextmanager
def wire(url: str) -> Iterator[Wire]:
    """Put a wire before a server."""
    parts = urlsplit(url)
    assert parts.hostname is not None, "the server listens on TCP"
    assert parts.port is not None
    target = (parts.hostname, parts.port)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        login = parts.netloc.rpartition("@")[0]
        place = f"{login}@127.0.0.1:{listener.getsockname()[1]}"
        found = Wire(urlunsplit(parts._replace(netloc=place)))
        threading.Thread(target=_accept, args=(listener, target, found), daemon=True).start()
        try:
            yield found
        finally:
            # What was lost keeps no session of the server alive after the test.
            for server in found.servers:
                with contextlib.suppress(OSError):
                    server.shutdown(socket.SHUT_RDWR)
        # Wakes whoever accepts, too.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, target: tuple[str, int], found: Wire) -> None:
    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            return
        far, lost = socket.create_connection(target), threading.Event()
        found.servers.append(far)
        for source, sink in ((near, far), (far, near)):
            counts = source is near
            threading.Thread(target=_forward, args=(source, sink, found, lost, counts), daemon=True).start()


def _forward(source: socket.socket, sink: socket.socket, found: Wire, lost: threading.Event, counts: bool) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            dies = counts and found.dies_with(data)
            if dies and found.refuses:
                data, found.lost = refused(found.refuses), found.lost + 1
            elif dies or found.swallows.is_set():
                lost.set()
                found.lost += 1
            if not lost.is_set():
                sink.sendall(data)
    with source:
        if not lost.is_set():
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_RDWR)
