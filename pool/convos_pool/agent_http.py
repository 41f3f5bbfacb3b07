"""One HTTP request to an agent. Agents run arbitrary instructions of users, so every byte of an answer is untrusted.

A request ends at its deadline whatever the agent sends, and the size of the answer is limited. Redirects are not
followed, as they would send the bearer key elsewhere.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import certifi

CONNECT_SECONDS = 5.0
LARGEST_ANSWER = 64 * 1024
_CHUNK = 8192


class NoAnswer(Exception):
    """There was no usable answer before the deadline."""


@dataclass(frozen=True)
class Request:
    """A request.

    Attributes:
        method: GET or POST.
        url: with a scheme and a host.
        bearer: the agent's own key.
        body: JSON, or None.
        seconds: the deadline for the whole answer, in seconds.
    """

    method: str
    url: str
    bearer: str = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    seconds: float = 5.0


@dataclass(frozen=True)
class RawAnswer:
    """An unprocessed answer."""

    status: int
    body: bytes


def send(request: Request) -> RawAnswer:
    """Send a request and return its answer.

    Raises:
        NoAnswer: there is no answer, it is too large, or it was not complete in time.
    """
    until = time.monotonic() + request.seconds
    try:
        connection = _connected(request)
    except (OSError, ValueError) as error:
        raise NoAnswer(type(error).__name__) from None
    # A read's own timeout begins anew with each byte. This one does not.
    watch = threading.Timer(max(0.0, until - time.monotonic()), _cut, [connection])
    watch.daemon = True
    watch.start()
    try:
        return _exchange(connection, request, until)
    except (OSError, ValueError, http.client.HTTPException) as error:
        late = time.monotonic() >= until
        raise NoAnswer("took too long" if late else type(error).__name__) from None
    finally:
        watch.cancel()
        connection.close()


def _connected(request: Request) -> http.client.HTTPConnection:
    parts = urlsplit(request.url)
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    connection = http.client.HTTPConnection(host, port)
    connection.default_port = 443 if is_tls else 80
    sock = socket.create_connection((host, port), timeout=min(CONNECT_SECONDS, request.seconds))
    # The handshake comes later, when the deadline watches.
    connection.sock = _tls().wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False) if is_tls else sock
    return connection


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())


def _exchange(connection: http.client.HTTPConnection, request: Request, until: float) -> RawAnswer:
    connection.sock.settimeout(request.seconds)
    if isinstance(connection.sock, ssl.SSLSocket):
        connection.sock.do_handshake()
    parts = urlsplit(request.url)
    headers = {"Authorization": f"Bearer {request.bearer}", "Accept": "application/json", "Connection": "close"}
    if request.body is not None:
        headers["Content-Type"] = "application/json"
    target = parts.path or "/"
    connection.request(request.method, f"{target}?{parts.query}" if parts.query else target, request.body, headers)
    answer = connection.getresponse()
    body = b""
    while chunk := answer.read(_CHUNK):
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise NoAnswer(f"an answer of more than {LARGEST_ANSWER} bytes")
        if time.monotonic() >= until:
            raise NoAnswer("took too long")
    return RawAnswer(answer.status, body)


def _cut(connection: http.client.HTTPConnection) -> None:
    # Wakes whatever waits for the socket, in the other thread.
    with contextlib.suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)
