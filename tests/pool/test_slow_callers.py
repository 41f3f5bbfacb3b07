"""Callers that send a byte now and then: their connections end, and nobody else notices them."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from convos_pool import http_request
from convos_pool.errors import BadRequestError
from convos_pool.impatient_http import ImpatientProtocol
from starlette.requests import Request

from tests.emulator.fix_emulator import until
from tests.support.ports import free_port

HALVES = [b"", b"G", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nX"]
WHOLE = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class _Impatient(ImpatientProtocol):
    header_seconds = 0.2


async def _app(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/long":
        await asyncio.sleep(1.5)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    found = free_port()
    config = uvicorn.Config(_app, port=found, http=_Impatient, lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started, 20)
    yield found
    server.should_exit = True
    thread.join(10)


def said(port: int, data: bytes, *, drips: bool = False) -> bytes:
    """Return everything that comes until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=0.05) as client:
        client.settimeout(0.05 if drips else 20)
        client.sendall(data)
        found, number = b"", 0
        while number < 400:
            number += 1
            try:
                chunk = client.recv(4096)
            except TimeoutError:
                client.sendall(b"x")
                continue
            except OSError:
                return found
            if not chunk:
                return found
            found += chunk
    raise AssertionError("the connection stays")


@pytest.mark.parametrize("data", HALVES)
def test_a_request_that_never_ends_is_closed(port: int, data: bytes) -> None:
    assert said(port, data).count(b"200 OK") == data.count(b"\r\n\r\n")


def test_a_byte_now_and_then_does_not_keep_a_connection(port: int) -> None:
    assert said(port, HALVES[2], drips=True) == b""


def test_a_request_that_takes_long_is_answered(port: int) -> None:
    assert b"200 OK" in said(port, WHOLE.replace(b"/ ", b"/long "))


def test_a_body_that_does_not_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_request, "BODY_SECONDS", 0.1)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.03)
        return {"type": "http.request", "body": b"x", "more_body": True}

    request = Request({"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}, receive)
    with pytest.raises(BadRequestError, match="not received within"):
        asyncio.run(http_request.read_bytes(request, 10_000))


def test_a_caller_that_leaves_within_its_body_is_no_failure_of_the_pool_manager() -> None:
    """A chunk that is not one ends a request in the same way."""
    arrived = iter(({"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}))

    async def receive() -> dict[str, Any]:
        return next(arrived)

    request = Request({"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}, receive)
    with pytest.raises(BadRequestError, match="ended before it was complete"):
        asyncio.run(http_request.read_bytes(request, 10_000))
