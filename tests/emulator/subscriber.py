"""A client of graphql-transport-ws: `with Subscriber(emulator) as socket: socket.subscribe(…); socket.data()`."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.emulator.fix_emulator import Emulator

SECONDS = 20.0
DEPLOYMENT = "subscription Deployment($id: String!) { deployment(id: $id) { id status deploymentStopped } }"
LOGS = """subscription Logs($id: String!, $limit: Int) {
  deploymentLogs(deploymentId: $id, filter: "", limit: $limit) { timestamp message attributes { key value } }
}"""


class Subscriber:
    """One connection, with the account's token in the headers of the upgrade unless said otherwise.

    Args:
        emulator: whom to ask.
        headers: of the upgrade.
        init: the payload of `connection_init`; False sends none.
        protocol: the subprotocol that is offered.
        host: by which the emulator is called, its own where it is empty.
        query: of the address.
        receive_bytes: how much of what the emulator sends the machine takes from it before it is read.
    """

    def __init__(
        self,
        emulator: Emulator,
        *,
        headers: Mapping[str, str] | None = None,
        init: Any = None,
        protocol: str = "graphql-transport-ws",
        host: str = "",
        query: str = "",
        receive_bytes: int = 0,
    ) -> None:
        where = urlsplit(emulator.endpoint)
        self.raw = socket.socket()
        if receive_bytes:
            self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.raw.settimeout(SECONDS)
        self.raw.connect((where.hostname, where.port))
        sent = {"Authorization": f"Bearer {emulator.token}"} if headers is None else headers
        self._stack = ExitStack()
        self._stack.callback(self.raw.close)
        with self._stack as stack:
            opened = connect(
                f"ws://{host or where.netloc}{where.path}{query}",
                sock=self.raw,
                additional_headers=dict(sent),
                subprotocols=[protocol],  # type: ignore[list-item]
                compression=None,
                open_timeout=SECONDS,
                close_timeout=SECONDS,
                max_queue=1 if receive_bytes else 16,
                max_size=None,
                proxy=None,
            )
            self.connection = stack.enter_context(opened)
            self._stack = stack.pop_all()
        if init is not False:
            self.send("connection_init", **({} if init is None else {"payload": init}))
            assert self.receive() == {"type": "connection_ack"}

    def __enter__(self) -> Subscriber:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def send(self, kind: str, **more: Any) -> None:
        """Send a message."""
        self.connection.send(json.dumps({"type": kind, **more}))

    def subscribe(self, document: str, id_: str = "1", **variables: Any) -> None:
        """Begin an operation."""
        self.send("subscribe", id=id_, payload={"query": document, "variables": variables})

    def receive(self, seconds: float = SECONDS) -> Any:
        """Return the next message."""
        return json.loads(self.connection.recv(seconds))

    def data(self, id_: str = "1") -> Any:
        """Return the data of the next message, which is a `next` without errors."""
        message = self.receive()
        assert (message["type"], message["id"]) == ("next", id_), message
        assert "errors" not in message["payload"], message
        return message["payload"]["data"]

    def closed(self) -> tuple[int, str]:
        """Read to the end, and return the code and the reason of the close frame; 1006 without one."""
        try:
            while True:
                self.connection.recv(SECONDS)
        except ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")
