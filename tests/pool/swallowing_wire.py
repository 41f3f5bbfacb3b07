"""A TCP connection that can swallow: both ends stay connected, and nothing arrives any more, as with a dead network."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit


@dataclass
class Wire:
    """Forwards bytes to a server, or swallows them for good.

    Attributes:
        url: as the server's, through the wire.
        swallows: set while bytes are lost; connections that lost some never carry any again.
    """

    url: str
    swallows: threading.Event = field(default_factory=threading.Event)


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
        yield found
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
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=_forward, args=(source, sink, found, lost), daemon=True).start()


def _forward(source: socket.socket, sink: socket.socket, found: Wire, lost: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            if found.swallows.is_set():
                lost.set()
            if not lost.is_set():
                sink.sendall(data)
    with source:
        if not lost.is_set():
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_RDWR)
