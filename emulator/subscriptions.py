"""Subscriptions over WebSocket, by the protocol in `transport_ws`; each operation of a connection is a task."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from emulator import execution
from emulator.api.streams import Position
from emulator.credentials import credential
from emulator.planted import ANSWERS, Dropped
from emulator.transport_ws import CREDENTIALS, SUBPROTOCOL, Violation, check, given_credentials, parsed

if TYPE_CHECKING:
    from graphql import GraphQLSchema

    from emulator.api.request import World
    from emulator.credentials import Credentials
    from emulator.faults import Faults
    from emulator.ledger import Ledger
    from emulator.limits import Edge, Limits

_INIT_SECONDS = 10.0
LOOK_SECONDS = 2.0
_MOST_OPERATIONS = 100
"""How many subscriptions a connection can have at a time; one more is answered with an error."""


class Protocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, which keeps at most one message in memory for a slow reader.

    uvicorn waits before it sends a message until the last one has left, so that every sender may add one. Here a sender
    waits until its own message has left. A connection that ends before its last message has left is aborted.
    """

    async def send(self, message: Any) -> None:
        """Send a message, and wait until enough of it has left."""
        await super().send(message)
        await self.writable.wait()

    async def run_asgi(self) -> None:
        """Run the application for one connection."""
        await super().run_asgi()
        if not self.writable.is_set():
            # Otherwise the kernel would keep the rest of the data for the reader.
            peer = self.transport.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()


@dataclass(frozen=True)
class EndpointParts:
    """The parts of the endpoint that subscriptions share with requests over HTTP."""

    world: World
    schema: GraphQLSchema
    credentials: Credentials
    limits: Limits
    edge: Edge
    faults: Faults
    ledger: Ledger


@dataclass
class Stream:
    """One operation of a connection."""

    endpoint: EndpointParts
    headers: Mapping[str, str]
    operation: execution.Operation
    body: Mapping[str, Any]
    position: Position = field(default_factory=Position)

    def look(self) -> execution.Answer | None:
        """Return what is new for the subscriber, or None; its credential is checked again each time."""
        caller = self.endpoint.credentials.caller(self.headers)
        if isinstance(caller, execution.Answer):
            return caller
        with self.endpoint.world.store.lock:
            context = {"emulator": caller, "position": self.position}
            answer = execution.run(self.endpoint.schema, self.operation, self.body, context)
        if answer.errors:
            return answer
        is_new = self.position.now != self.position.since
        self.position.since = self.position.now
        is_empty = list((answer.body["data"] or {}).values()) == [[]]
        return answer if is_new and not is_empty else None


class Subscriptions:
    """Serves the WebSockets of an emulator."""

    def __init__(self, endpoint: EndpointParts) -> None:
        self._endpoint = endpoint

    async def serve(self, websocket: WebSocket) -> None:
        """Serve a connection until it ends, at the latest with the server.

        Raises:
            Dropped: the reader is too slow, or a planted fault cuts the connection.
        """
        if not websocket.query_params.get("source") and not self._endpoint.edge.passes():
            await websocket.send_denial_response(HTMLResponse(ANSWERS["429"][1], 429, {"Retry-After": "1"}))
            return
        if SUBPROTOCOL not in websocket.scope["subprotocols"]:
            await websocket.accept()
            await websocket.close(4406, "Subprotocol not acceptable")
            return
        await websocket.accept(SUBPROTOCOL)
        is_dropped = False
        try:
            async with asyncio.TaskGroup() as tasks:
                await _Connection(self._endpoint, websocket, tasks).converse()
        except* Dropped:
            is_dropped = True
        except* (WebSocketDisconnect, WebSocketDisconnected, ClientDisconnected):
            pass
        if is_dropped:
            raise Dropped


class _Connection:
    def __init__(self, endpoint: EndpointParts, websocket: WebSocket, tasks: asyncio.TaskGroup) -> None:
        self._endpoint = endpoint
        self._socket = websocket
        self._tasks = tasks
        self._headers: Mapping[str, str] | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._sending = asyncio.Lock()

    async def converse(self) -> None:
        """Handle messages until the client disconnects or violates the protocol."""
        try:
            while True:
                message = parsed(await self._received())
                check(message, is_begun=self._headers is not None, running=self._running)
                await self._take(message)
        except Violation as violation:
            await self._timely(self._socket.close(violation.code, violation.reason))
        finally:
            for task in self._running.values():
                task.cancel()

    async def _received(self) -> str | None:
        """Return the text of the next message; None for a binary one."""
        try:
            received = await asyncio.wait_for(self._socket.receive(), _INIT_SECONDS if self._headers is None else None)
        except TimeoutError:
            raise Violation(4408, "Connection initialisation timeout") from None
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received["code"])
        text: str | None = received.get("text")
        return text

    async def _take(self, message: Mapping[str, Any]) -> None:
        kind, id_ = message["type"], message.get("id", "")
        if kind == "connection_init":
            # The credential is in the upgrade's headers, or else in connection_init (fact: subscription-credential).
            headers = dict(self._socket.headers)
            named = any(name in headers for name in CREDENTIALS)
            self._headers = headers if named else {**headers, **given_credentials(message.get("payload"))}
            await self._send("connection_ack")
        elif kind == "ping":
            await self._send("pong")
        elif kind == "subscribe" and len(self._running) >= _MOST_OPERATIONS:
            await self._send("error", id_, [{"message": f"a connection has {_MOST_OPERATIONS} subscriptions at most"}])
        elif kind == "subscribe":
            self._running[id_] = self._tasks.create_task(self._carry_out(id_, message["payload"]))
        elif kind == "complete" and id_ in self._running:
            self._running.pop(id_).cancel()

    async def _carry_out(self, id_: str, payload: Mapping[str, Any]) -> None:
        begun = await run_in_threadpool(self._begun, self._headers or {}, payload)
        if isinstance(begun, execution.Answer):
            last: tuple[str, Any] = ("error", begun.body["errors"])
        else:
            await self._follow(id_, begun)
            last = ("complete", None)
        # The client may use the id again as soon as it is told of the end.
        self._running.pop(id_, None)
        await self._send(last[0], id_, last[1])

    def _begun(self, headers: Mapping[str, str], payload: Mapping[str, Any]) -> Stream | execution.Answer:
        """Return the stream of a valid subscription, or a refusal; record the request in the ledger."""
        began, at = time.monotonic(), time.time()
        operation = execution.read(self._endpoint.schema, payload)
        error, fault = "", None
        if isinstance(operation, execution.Answer):
            error = operation.errors[0]
        elif not operation.streams:
            operation = execution.needs_http(operation)
            error = operation.errors[0]
        elif self._endpoint.limits.take(credential(headers)).retry_after:
            operation, error = execution.refused("Too Many Requests", "TOO_MANY_REQUESTS", 429), "429"
        else:
            fault = self._endpoint.faults.take(operation.name)
        name = operation.unserved if isinstance(operation, execution.Answer) else operation.name
        self._endpoint.ledger.add(
            operation=name,
            fields=[name] if name else [],
            type="invalid" if isinstance(operation, execution.Answer) and error != "429" else "subscription",
            at=at,
            seconds=round(time.monotonic() - began, 4),
            error=error,
            fault=fault.kind if fault else "",
            deployments=[],
            client=headers.get("user-agent", "").partition("/")[0][:80],
        )
        if fault is not None:
            if fault.kind != "slow":
                raise Dropped
            time.sleep(fault.seconds)
        return (
            operation
            if isinstance(operation, execution.Answer)
            else Stream(self._endpoint, headers, operation, payload)
        )

    async def _follow(self, id_: str, stream: Stream) -> None:
        """Send what is new after each change, until the subscription fails."""
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            # A thread may report its last change after the loop was closed.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(changed.set)

        with self._endpoint.world.store.changes.listening(wake):
            while True:
                changed.clear()
                answer = await run_in_threadpool(stream.look)
                if answer is not None:
                    await self._send("next", id_, answer.body)
                    if answer.errors:
                        break
                if not stream.position.has_more:
                    # A container's output is no change of the state; it is found only by reading it.
                    with suppress(TimeoutError):
                        await asyncio.wait_for(changed.wait(), LOOK_SECONDS)

    async def _send(self, kind: str, id_: str = "", payload: Any = None) -> None:
        message = {"type": kind, **({"id": id_} if id_ else {}), **({} if payload is None else {"payload": payload})}
        await self._timely(self._socket.send_text(json.dumps(message)))

    async def _timely(self, sending: Any) -> None:
        """Send one message at a time, and wait until it has left, for at most `slow_reader_seconds`.

        Raises:
            Dropped: it did not leave in time.
        """
        async with self._sending:
            try:
                await asyncio.wait_for(sending, self._endpoint.world.settings.current.slow_reader_seconds)
            except TimeoutError:
                raise Dropped from None
