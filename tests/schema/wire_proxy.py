"""A TCP proxy before a real server that counts what the client says, and cuts the wire at one of these messages."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.support.refusing_postgres import is_statement, refused

CUTS = ("closed before", "closed after", "deaf before", "deaf after", "half-open")


@dataclass
class Proxy:
    """`cut_at` counts the client's messages from 1; 0 never cuts.

    `closed before`: both sides are closed, the message is lost. `closed after`: the server gets it, the client never
    hears the answer. `deaf …`: the same, and the client's side stays open. `half-open`: the message is lost and *both*
    sides stay open, as behind a load balancer whose client vanished. `killed before` and `killed after`: `kill`
    ends the client's process, before or after the server has got the message. `refused SQLSTATE`: the server answers
    that message, or the next statement, with this error.
    """

    server_port: int
    cut: str = ""
    cut_at: int = 0
    messages: int = 0
    refusals: int = 0
    port: int = 0
    kill: Callable[[], None] = lambda: None
    sockets: list[socket.socket] = field(default_factory=list)
    listener: socket.socket | None = None

    def start(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        assert self.listener is not None
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.server_port))
            except OSError:
                return
            self.sockets += [client, server]
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
            threading.Thread(target=self._answer, args=(server, client), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                self.messages += 1
                code = self.cut.partition("refused ")[2]
                if code and self.messages >= self.cut_at and self.refusals < 1 and is_statement(data):
                    self.refusals += 1
                    server.sendall(refused(code))
                    continue
                if self.messages == self.cut_at and not code:
                    return self._cut(client, server, data)
                server.sendall(data)
            _close(server)
        return None

    def _cut(self, client: socket.socket, server: socket.socket, data: bytes) -> None:
        self.mute = client
        if self.cut.startswith("killed"):
            if self.cut == "killed after":
                server.sendall(data)
            self.kill()
            _half_close(server)
            return
        if self.cut.endswith("after"):
            server.sendall(data)
            _half_close(server)
        if self.cut == "closed before":
            _close(server)
        if self.cut == "deaf before":
            _close(server)
        if self.cut.startswith("closed"):
            _close(client)

    mute: socket.socket | None = None

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 16):
                if self.mute is not client:
                    client.sendall(data)
            if self.mute is not client:
                _close(client)

    def stop(self) -> None:
        for one in [*self.sockets, *([self.listener] if self.listener else [])]:
            _close(one)
            one.close()


def _half_close(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_WR)


def _close(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def proxied(server_port: int, cut: str = "", cut_at: int = 0) -> Iterator[Proxy]:
    proxy = Proxy(server_port, cut, cut_at)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
