"""Opens connections: waits for a database that was just started, and never hangs on a dead one."""

from __future__ import annotations

import contextlib
import math
import os
import random
import re
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg

from convos_infra.errors import InfraError
from convos_infra.schema.address import Address, parse_url

Connection = psycopg.Connection[Any]
_WATCH_SECONDS = 0.1
APPLICATION = "convos-infra"
ATTEMPT_SECONDS = 10
_LONGEST_PAUSE = 2.0
_NEW_DATABASE_SECONDS = 10.0
# libpq gives no SQLSTATE for a failed connection, only a text (libpq: PQconnectPoll), hence these patterns.
_FINAL_REFUSALS = {
    r"password authentication failed|no password supplied|role .* does not exist": (
        "refuses the user or the password",
        "check the URL's user and password",
    ),
    r"pg_hba.conf.*(no encryption|SSL off)": ("accepts only TLS", "add ?sslmode=require to the URL"),
    r"no pg_hba.conf entry|pg_hba.conf rejects": (
        "does not accept connections of this user from this address",
        "see the server's pg_hba.conf",
    ),
    r"server does not support SSL": (
        "does not offer TLS",
        "if the network in between is private, add ?sslmode=disable to the URL",
    ),
    r"certificate verify failed|root certificate file|certificate .* does not match": (
        "has a certificate that cannot be verified",
        "add its CA certificate as ?sslrootcert=FILE, or use ?sslmode=require",
    ),
    r"server requested a cleartext password": (
        "asks for the password in clear text, so it was not sent",
        "check that the address is the database's; if it is, use ?sslmode=verify-full, or add ?require_auth=password",
    ),
    r"permission denied for database": ("does not let this role connect", "grant CONNECT to it"),
}
_NO_DATABASE = re.compile(r'database ".*" does not exist')


class BoundedConnection(Connection):
    """A connection that is closed if an answer takes too long: a server that hangs would block its client for hours.

    One thread watches, from the first deadline until the connection is closed.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._until = math.inf
        self._closing = threading.Event()
        self._watcher: threading.Thread | None = None

    @contextlib.contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """Close the connection if the block takes longer than `seconds`."""
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, daemon=True)
            self._watcher.start()
        before, self._until = self._until, time.monotonic() + seconds
        try:
            yield
        finally:
            self._until = before

    def _watch(self) -> None:
        while not self._closing.wait(_WATCH_SECONDS):
            if time.monotonic() > self._until:
                with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(self.fileno())) as wire:
                    wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection and stop the watching thread."""
        self._closing.set()
        super().close()


class DatabaseUnreachableError(InfraError):
    """The database did not answer; it may not exist yet."""


def connect(address: Address, *, wait_seconds: float) -> BoundedConnection:
    """Return a session in autocommit, as soon as the database accepts one.

    While a database or the proxy in front of it starts, its errors are temporary and another attempt is made; after a
    final refusal there is none.

    Args:
        address: the database.
        wait_seconds: the longest wait, in seconds.

    Raises:
        DatabaseUnreachableError: no answer within `wait_seconds`.
        InfraError: the database refuses the connection.
    """
    began = time.monotonic()
    pause = 0.05
    while True:
        left = wait_seconds - (time.monotonic() - began)
        try:
            return _attempt(address, left)
        except psycopg.OperationalError as error:
            text = address.redacted(str(error))
        waited = time.monotonic() - began
        _raise_if_final(address, text, waited)
        if waited + pause >= wait_seconds:
            problem = f"does not answer after {waited:.0f} s: {_reason(text)}"
            raise DatabaseUnreachableError(
                f"database {address}",
                problem,
                "check that it runs, and that this is its address (on Railway, its TCP proxy)",
            )
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE) * random.uniform(0.75, 1.0)  # noqa: S311  # spreads, protects nothing


def _attempt(address: Address, left: float) -> BoundedConnection:
    return BoundedConnection.connect(
        **address.parameters(),
        autocommit=True,
        prepare_threshold=None,  # nothing may outlive a transaction, as there may be a pooler in between
        application_name=APPLICATION,
        connect_timeout=max(2, min(ATTEMPT_SECONDS, int(left))),
        client_encoding="utf8",
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        tcp_user_timeout=30_000,
    )


def _raise_if_final(address: Address, text: str, waited: float) -> None:
    for pattern, (problem, next_step) in _FINAL_REFUSALS.items():
        if re.search(pattern, text, re.IGNORECASE):
            raise InfraError(f"database {address}", f"{problem} (user {address.user})", next_step)
    # A server that was just created accepts connections before its database exists.
    if _NO_DATABASE.search(text) and waited >= _NEW_DATABASE_SECONDS:
        problem = f"there is no database {address.database} on this server"
        raise InfraError(f"database {address}", problem, "check the URL's last part")


def _reason(text: str) -> str:
    """Return the last part of libpq's text: before it, host and port are repeated for every address that it tried."""
    last = re.split(r"connection to server at .*? failed: |connection failed: ", text)[-1]
    words = last.removeprefix("FATAL: ").partition(" Is the server running")[0].strip()
    return words[:200] or "no reason given"


def check_reachable(url: str, *, wait_seconds: float = 5.0) -> None:
    """Return as soon as a database answers.

    Raises:
        InfraError: the URL is wrong, or there is no answer in time.
    """
    connect(parse_url(url), wait_seconds=wait_seconds).close()
