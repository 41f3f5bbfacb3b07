"""TLS of a database: used where it is offered, verified where that is asked for, and no password without it."""

from __future__ import annotations

import contextlib
import shutil
import socketserver
import struct
import subprocess
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from convos_infra.schema.address import parse_url
from convos_infra.schema.connection import connect
from tests import needs
from tests.schema.bad_database import SECRET, message
from tests.schema.postgres_server import (
    USER,
    Server,
    debian_binaries,
    running,
    unprivileged,
)

if TYPE_CHECKING:
    from pathlib import Path

_SSL_REQUEST, _CLEAR_TEXT = 80877103, 3
"""Of PostgreSQL's protocol, version 3."""


@pytest.fixture(scope="module")
def tls_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server like Railway's: TLS with a certificate that it signed itself, and nothing without."""
    binaries = debian_binaries()
    if shutil.which("openssl") is None or binaries is None:
        needs.TLS_POSTGRESQL.skip()  # the embedded one is built without TLS
    home = tmp_path_factory.mktemp("tls")
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    make += ["-addext", "subjectAltName=DNS:localhost", "-keyout", "server.key", "-out", "server.crt"]
    subprocess.run(make, cwd=home, check=True, capture_output=True)
    (home / "server.key").chmod(0o600)
    if unprivileged()[:1] == ("setpriv",):
        shutil.chown(home / "server.key", 65534, 65534)
    crypt = {"ssl": "on", "ssl_cert_file": str(home / "server.crt"), "ssl_key_file": str(home / "server.key")}
    with running(home / "postgres", binaries, **crypt) as found:
        rules = found.home / "data" / "pg_hba.conf"
        rules.write_text("hostnossl all all all reject\n" + rules.read_text())
        found.stop()
        found.start()
        yield found


def uses_tls(url: str) -> bool:
    with connect(parse_url(url), wait_seconds=5) as connection:
        row = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
    return bool(row and row[0])


@pytest.mark.postgres
@pytest.mark.parametrize("mode", ["", "?sslmode=prefer", "?sslmode=require"])
def test_tls_is_used_where_the_server_offers_it(tls_only: Server, mode: str) -> None:
    assert uses_tls(tls_only.url("postgres") + mode)


@pytest.mark.postgres
def test_a_verified_certificate_needs_its_authority(tls_only: Server, tmp_path: Path) -> None:
    url = tls_only.url("postgres").replace("127.0.0.1", "localhost")
    authority = tls_only.home.parent / "server.crt"
    assert uses_tls(f"{url}?sslmode=verify-full&sslrootcert={authority}")
    other = f"{tls_only.url('postgres')}?sslmode=verify-full&sslrootcert={authority}"
    assert "has a certificate that cannot be verified" in message(other, seconds=60)
    none = f"{url}?sslmode=verify-full&sslrootcert={tmp_path / 'none.pem'}"
    assert "has a certificate that cannot be verified" in message(none, seconds=60)


@pytest.mark.postgres
def test_a_server_that_takes_only_tls_says_so(tls_only: Server) -> None:
    text = message(tls_only.url("postgres") + "?sslmode=disable", seconds=60)
    assert text.endswith(f"accepts only TLS (user {USER}); add ?sslmode=require to the URL")


@contextlib.contextmanager
def asking_in_clear() -> Iterator[tuple[int, list[bytes]]]:
    """Run a server that took the database's address over and asks for the password; yields its port and what it got."""
    got: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire = self.request
            size, code = struct.unpack("!ii", wire.recv(8))
            if code == _SSL_REQUEST:
                wire.sendall(b"N")
                size, _ = struct.unpack("!ii", wire.recv(8))
            wire.recv(size - 8)
            wire.sendall(b"R" + struct.pack("!ii", 8, _CLEAR_TEXT))
            got.append(wire.recv(1024))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_address[1], got
        server.shutdown()


def test_a_server_that_asks_for_the_password_in_clear_text_is_not_told_it() -> None:
    with asking_in_clear() as (port, got):
        text = message(f"postgresql://u:{SECRET}@127.0.0.1:{port}/d", seconds=60)
        assert "asks for the password in clear text, so it was not sent" in text
        assert "?require_auth=password" in text
        assert SECRET.encode() not in b"".join(got)
        message(f"postgresql://u:{SECRET}@127.0.0.1:{port}/d?require_auth=password")
        assert SECRET.encode() in b"".join(got), "where the user says so"
