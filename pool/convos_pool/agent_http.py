"""One HTTP request to an agent. Agents run arbitrary instructions of users, so every byte of an answer is untrusted.

A request ends at its deadline whatever the agent sends, and the size of the answer is limited. Redirects are not
followed, as they would send the bearer key elsewhere.
"""

from __future__ import annotations

import functools
import http
import http.client
import io
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import certifi

if TYPE_CHECKING:
    from typing import Any

    from _typeshed import ReadableBuffer, WriteableBuffer

CONNECT_SECONDS = 5.0
LARGEST_ANSWER = 64 * 1024
MOST_READ = 2 * LARGEST_ANSWER
"""The most bytes of everything that an agent sends, including headers, chunk sizes and interim answers."""
_CHUNK = 8192


class UnusableAnswerError(Exception):
    """There was no usable answer before the deadline.

    Args:
        problem: what happened.
        is_nonsense: whether the agent sent something that is not HTTP, incomplete or too large.
    """

    def __init__(self, problem: str, *, is_nonsense: bool = True) -> None:
        super().__init__(problem)
        self.is_nonsense = is_nonsense


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
        UnusableAnswerError: there is no answer, it is too large, or it was not complete in time.
    """
    until = time.monotonic() + request.seconds
    try:
        with _connected(request, until) as line:
            return _exchange(line, request)
    except (OSError, ValueError, http.client.HTTPException) as error:
        late = time.monotonic() >= until
        is_nonsense = not late and not isinstance(error, OSError)
        raise UnusableAnswerError("took too long" if late else type(error).__name__, is_nonsense=is_nonsense) from None


class _Line:
    """A connection whose every wait ends at one deadline: a socket's own limit begins anew with each byte.

    It has the methods of a socket that `http.client` uses.
    """

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock = sock
        self._until = until
        self._left = MOST_READ

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    def sendall(self, data: ReadableBuffer) -> None:
        view = memoryview(data).cast("B")
        while view:
            self._limit()
            view = view[self._sock.send(view) :]

    def recv_into(self, buffer: WriteableBuffer) -> int:
        self._limit()
        count = self._sock.recv_into(buffer)
        self._left -= count
        if self._left < 0:
            raise UnusableAnswerError(f"more than {MOST_READ} bytes")
        return count

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Bytes(self))

    def close(self) -> None:
        """Do nothing: the `with` block closes the connection, not the response."""

    def _limit(self) -> None:
        seconds = self._until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        self._sock.settimeout(seconds)


class _Answer(http.client.HTTPResponse):
    """The final answer: `http.client` itself skips only 100 Continue, and would return 103 Early Hints as final."""

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]
        is_interim = status // 100 == 1 and status != http.HTTPStatus.SWITCHING_PROTOCOLS
        return version, http.HTTPStatus.CONTINUE if is_interim else status, reason


class _Bytes(io.RawIOBase):
    """The bytes that arrive over a connection, as a file."""

    def __init__(self, line: _Line) -> None:
        super().__init__()
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        return self._line.recv_into(buffer)


def _connected(request: Request, until: float) -> _Line:
    parts = urlsplit(request.url)
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    sock = socket.create_connection((host, port), timeout=min(CONNECT_SECONDS, request.seconds))
    # Headers and body are sent separately; without this, the body would wait until the headers are acknowledged.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not is_tls:
        return _Line(sock, until)
    # For a TLS handshake, Python applies a socket's timeout to the whole handshake, not to each read.
    sock.settimeout(max(0.001, until - time.monotonic()))
    try:
        return _Line(_tls().wrap_socket(sock, server_hostname=host), until)
    except BaseException:
        sock.close()
        raise


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())


def _exchange(line: _Line, request: Request) -> RawAnswer:
    parts = urlsplit(request.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    connection.response_class = _Answer
    connection.default_port = 443 if parts.scheme == "https" else 80
    socket_like: Any = line
    connection.sock = socket_like
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
            raise UnusableAnswerError(f"an answer of more than {LARGEST_ANSWER} bytes")
    if answer.length:
        # `read` with a size does not raise IncompleteRead if the end is missing.
        raise UnusableAnswerError(f"it ended {answer.length} bytes too early")
    return RawAnswer(answer.status, body)
