"""An agent that sends the bytes that a test says."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def answering(script: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve a script to each connection; return where."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.1)
    ends = threading.Event()

    def run(client: socket.socket) -> None:
        with client:
            try:
                client.recv(65536)
                script(client)
            except OSError:
                return

    def serve() -> None:
        while not ends.is_set():
            try:
                client, _ = server.accept()
            except OSError:
                continue
            threading.Thread(target=run, args=(client,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        ends.set()
        thread.join(5)
        server.close()


def drip(data: bytes) -> Callable[[socket.socket], None]:
    def script(client: socket.socket) -> None:
        for byte in data * 1000:
            client.sendall(bytes([byte]))
            time.sleep(0.05)

    return script


def say_all(*parts: bytes) -> Callable[[socket.socket], None]:
    def script(client: socket.socket) -> None:
        for part in parts:
            client.sendall(part)

    return script
