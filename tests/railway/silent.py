"""A Railway that accepts connections and misbehaves on the wire, on loopback; it ends with the test."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BODY = b'{"data": {"things": 1}}'
FINE = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
TICK_SECONDS = 0.01
Behaviour = Callable[["Wire", socket.socket], None]


@dataclass
class Wire:
    """What answers; `behaviour` may be changed while it runs."""

    behaviour: Behaviour
    port: int = 0
    asked: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql/v2"

    def trickle(self, to: socket.socket, text: bytes) -> None:
        """Send a text for ever, one byte at a time."""
        while not self.ended.wait(TICK_SECONDS):
            to.sendall(text[:1])
            text = text[1:] + text[:1]

    def read(self, connection: socket.socket) -> bool:
        """Read one request to its end; False where the other side has left."""
        text = b""
        while b"\r\n\r\n" not in text:
            part = connection.recv(65536)
            if not part:
                return False
            text += part
        head, _, body = text.partition(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        while len(body) < length:
            body += connection.recv(65536)
        self.asked += 1
        return True


def never(wire: Wire, connection: socket.socket) -> None:
    if wire.read(connection):
        wire.ended.wait(30)


def never_reads(wire: Wire, connection: socket.socket) -> None:
    wire.asked += 1
    wire.ended.wait(30)


def slow_body(wire: Wire, connection: socket.socket) -> None:
    if wire.read(connection):
        connection.sendall(HEAD + b"Content-Length: 100000\r\n\r\n")
        wire.trickle(connection, b" ")


def slow_body_without_length(wire: Wire, connection: socket.socket) -> None:
    if wire.read(connection):
        connection.sendall(HEAD + b"Connection: close\r\n\r\n")
        wire.trickle(connection, b" ")


def slow_chunks(wire: Wire, connection: socket.socket) -> None:
    if wire.read(connection):
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        wire.trickle(connection, b"1\r\n \r\n")


def slow_headers(wire: Wire, connection: socket.socket) -> None:
    if wire.read(connection):
        connection.sendall(HEAD + b"X-Long: ")
        wire.trickle(connection, b"a")


def slow_status(wire: Wire, connection: socket.socket) -> None:
    if wire.read(connection):
        wire.trickle(connection, b"HTTP/1.1 200 OKKKKKKKKKKKK")


def only_continues(wire: Wire, connection: socket.socket) -> None:
    if wire.read(connection):
        wire.trickle(connection, b"HTTP/1.1 100 Continue\r\n\r\n")


def endless_body(wire: Wire, connection: socket.socket) -> None:
    if wire.read(connection):
        connection.sendall(HEAD + b"Connection: close\r\n\r\n")
        while not wire.ended.is_set():
            connection.sendall(b" " * 65536)


def reset(wire: Wire, connection: socket.socket) -> None:
    if wire.read(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def closed(wire: Wire, connection: socket.socket) -> None:
    wire.read(connection)


def half_an_answer(wire: Wire, connection: socket.socket) -> None:
    if wire.read(connection):
        connection.sendall(FINE[:-5])


def fine(wire: Wire, connection: socket.socket) -> None:
    while wire.read(connection):
        connection.sendall(FINE)


def fine_and_closed(wire: Wire, connection: socket.socket) -> None:
    if wire.read(connection):
        connection.sendall(FINE.replace(HEAD, HEAD + b"Connection: close\r\n"))


def fine_but_slow(wire: Wire, connection: socket.socket) -> None:
    if wire.read(connection):
        for byte in FINE:
            wire.ended.wait(TICK_SECONDS / 10)
            connection.sendall(bytes([byte]))


def fine_once(wire: Wire, connection: socket.socket) -> None:
    """Answer the first request of a connection, and no further one that comes over it."""
    if wire.read(connection):
        connection.sendall(FINE)
        never(wire, connection)


@contextmanager
def wired(behaviour: Behaviour) -> Iterator[Wire]:
    """Listen on a free port."""
    threads: list[threading.Thread] = []
    connections: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        wire = Wire(behaviour, listening.getsockname()[1])

        def serve(connection: socket.socket) -> None:
            connections.append(connection)
            with connection, contextlib.suppress(OSError):
                connection.settimeout(30)
                wire.behaviour(wire, connection)

        def accept() -> None:
            while not wire.ended.is_set():
                with contextlib.suppress(TimeoutError):
                    threads.append(threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True))
                    threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield wire
        finally:
            wire.ended.set()
            accepting.join()
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(5)
