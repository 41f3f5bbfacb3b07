"""Watches the wait for one answer: prints a line if it is slow, and closes the connection at the time limit.

A socket's own timeout applies to each read: an answer of one byte per second would never reach it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_AGAIN_SECONDS = 0.05
_current = threading.local()


class Watch:
    """Watches one try from a thread of its own: `with Watch(…) as watch: …`.

    Args:
        seconds: the time limit of the whole answer.
        notice_seconds, notice: the function to call after that many seconds.
    """

    def __init__(self, seconds: float, notice_seconds: float, notice: Callable[[], None]) -> None:
        self._seconds = seconds
        self._notice_seconds = notice_seconds
        self._notice = notice
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._connection: HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self.is_cut = False

    def __enter__(self) -> Watch:
        _current.watch = self
        threading.Thread(target=self._run, name="railway-watch", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._done.set()
        _current.watch = None

    def uses(self, connection: HTTPConnection) -> None:
        """Note the connection and its socket, because a response with `Connection: close` drops the latter."""
        self._connection = connection
        self._socket = connection.sock

    def _run(self) -> None:
        first = min(self._notice_seconds, self._seconds)
        if self._done.wait(first):
            return
        if first < self._seconds:
            self._notice()
            if self._done.wait(self._seconds - first):
                return
        # A connection that is not established yet has no socket to close; connecting has its own timeout.
        while not self._cut() and not self._done.wait(_AGAIN_SECONDS):
            pass

    def _cut(self) -> bool:
        with self._lock:
            if self._done.is_set():
                return True
            self.is_cut = True
            found = self._socket or (None if self._connection is None else self._connection.sock)
            if found is None:
                return False
            with contextlib.suppress(OSError):
                # Do not shut an encrypted socket down, because another thread is reading from it.
                socket.socket.shutdown(found, socket.SHUT_RDWR)
            return True


def _note(connection: HTTPConnection) -> None:
    watch: Watch | None = getattr(_current, "watch", None)
    if watch is not None:
        watch.uses(connection)


class _Watched(HTTPConnection):
    def connect(self) -> None:
        _note(self)
        super().connect()
        _note(self)

    def request(self, *args: Any, **more: Any) -> None:
        _note(self)
        super().request(*args, **more)


class _WatchedTls(_Watched, HTTPSConnection):
    """The same for TLS: `super()` in `_Watched` is `HTTPSConnection` here."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTls


_POOLS = {"http": _Pool, "https": _TlsPool}


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **more: Any) -> Any:
        manager = super().proxy_manager_for(*args, **more)
        manager.pool_classes_by_scheme = _POOLS
        return manager


def watched_session() -> requests.Session:
    """Return a session whose connections a `Watch` of the same thread can close."""
    session = requests.Session()
    session.mount("https://", _Adapter())
    session.mount("http://", _Adapter())
    return session
