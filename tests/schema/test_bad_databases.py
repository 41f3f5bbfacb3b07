"""Databases that cannot be used: one line each, what to do, and never the password."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from convos_infra.errors import InfraError
from convos_infra.schema import check_reachable
from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import apply
from convos_infra.schema.connection import connect
from tests.schema.migrating import QUICK, job
from tests.schema.postgres_server import (
    ENCODED,
    PASSWORD,
    USER,
    Database,
    Server,
    debian_binaries,
    free_port,
    running,
    unprivileged,
)

if TYPE_CHECKING:
    from pathlib import Path

A = "CREATE TABLE a (id integer);"
SECRET = "s3cr3t-word"


def message(url: str, seconds: float = 0.3) -> str:
    """Run a migration and return its one line."""
    with pytest.raises(InfraError) as found:
        apply(parse_url(url), job(A, limits=replace(QUICK, connect_seconds=seconds)))
    text = str(found.value)
    assert "\n" not in text
    for secret in (PASSWORD, ENCODED, SECRET):
        assert secret not in text
    return text


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "is no URL of a PostgreSQL database"),
        ("   ", "is no URL of a PostgreSQL database"),
        (f"mysql://u:{SECRET}@h/d", "is no URL of a PostgreSQL database"),
        (f"u:{SECRET}@h/d", "is no URL of a PostgreSQL database"),
        (f"postgresql://u:{SECRET}@h:99999/d", "is no URL of a database"),
        (f"postgresql://u:{SECRET}@h:port/d", "is no URL of a database"),
        (f"postgresql://u:{SECRET}[@h/d", "is no URL of a database"),
        (f"postgresql://u:{SECRET}@h:0/d", "names no valid port"),
        (f"postgresql://u:{SECRET}@/d", "names no host"),
        (f"postgresql://u:{SECRET}@h", "names no database"),
        (f"postgresql://u:{SECRET}@h/", "names no database"),
        ("postgresql://h/d", "names no user"),
        ("postgresql:///", "names no user and no host and no database"),
        (f"postgresql://u:{SECRET}@h/d?sslmode=sometimes", "sslmode cannot be 'sometimes'"),
        (f"postgresql://u:{SECRET}@h/d?sslmode=allow", "sslmode cannot be 'allow'"),
        (f"postgresql://u:{SECRET}@h/d?options=-cx", "has the parameter 'options'"),
        (f"postgresql://u:{SECRET}@${{{{Postgres.HOST}}}}/d", "holds a reference that only Railway can resolve"),
    ],
)
def test_what_is_no_url_is_refused_before_anybody_is_asked(url: str, problem: str) -> None:
    with pytest.raises(InfraError) as found:
        parse_url(url)
    assert str(found.value).startswith(f"databaseUrl: {problem}; ")
    assert SECRET not in str(found.value)


def test_a_url_is_read_as_it_was_meant() -> None:
    found = parse_url(
        f" postgres://us%40er:{ENCODED}@db.example:6543/my%20db?sslmode=verify-full&sslrootcert=/ca.pem\n"
    )
    assert (found.host, found.port, found.database, found.user) == ("db.example", 6543, "my db", "us@er")
    assert (found.password, found.tls, found.extra) == (PASSWORD, "verify-full", (("sslrootcert", "/ca.pem"),))
    assert str(found) == "db.example:6543/my db"
    assert PASSWORD not in repr(found)


@pytest.mark.parametrize(
    ("host", "mode"),
    [
        ("127.0.0.1", "prefer"),
        ("localhost", "prefer"),
        ("[::1]", "prefer"),
        ("postgres.railway.internal", "prefer"),
        ("roundhouse.proxy.rlwy.net", "require"),
        ("10.0.0.1", "require"),
    ],
)
def test_a_password_crosses_no_public_network_in_the_clear(host: str, mode: str) -> None:
    assert parse_url(f"postgresql://u:p@{host}/d").tls == mode
    assert parse_url(f"postgresql://u:p@{host}/d?sslmode=disable").tls == "disable"


def test_variables_of_this_machine_do_not_reach_the_connection(
    monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    for name, value in {
        "PGHOST": "nowhere",
        "PGOPTIONS": "-c search_path=other",
        "PGSSLMODE": "verify-full",
        "PGPORT": "1",
    }.items():
        monkeypatch.setenv(name, value)
    with connect(parse_url(database.url), wait_seconds=5) as connection:
        assert connection.execute("SHOW search_path").fetchone() == ('"$user", public',)


def test_a_port_where_nothing_listens() -> None:
    text = message(f"postgresql://{USER}:{ENCODED}@127.0.0.1:{free_port()}/d")
    assert "/d: does not answer after 0 s: Connection refused" in text
    assert text.endswith("; check that it runs and that this is its TCP proxy")


def test_a_host_that_does_not_exist() -> None:
    text = message(f"postgresql://{USER}:{ENCODED}@no-such-host.invalid/d")
    assert text.startswith("database no-such-host.invalid:5432/d: does not answer after ")


def test_a_port_that_answers_nothing_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        text = message(f"postgresql://{USER}:{ENCODED}@127.0.0.1:{deaf.getsockname()[1]}/d", seconds=2)
    assert "does not answer after 2 s" in text


def test_a_port_that_speaks_something_else() -> None:
    import threading

    with socket.create_server(("127.0.0.1", 0)) as web:

        def answer() -> None:
            try:
                while True:
                    other, _ = web.accept()
                    other.recv(1024)
                    other.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    other.close()
            except OSError:
                return

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        text = message(f"postgresql://{USER}:{ENCODED}@127.0.0.1:{web.getsockname()[1]}/d", seconds=1)
        web.shutdown(socket.SHUT_RDWR)
        thread.join(5)
    assert "does not answer after" in text


@pytest.mark.postgres
def test_a_wrong_password_is_not_tried_again(server: Server) -> None:
    text = message(server.url("postgres", password=SECRET), seconds=60)
    assert text.endswith(f"refuses the user or the password (user {USER}); check the URL's user and password")


@pytest.mark.postgres
def test_a_wrong_user_is_not_tried_again(server: Server) -> None:
    assert "refuses the user or the password (user nobody)" in message(
        server.url("postgres", user="nobody"), seconds=60
    )


@pytest.mark.postgres
def test_a_wrong_database(server: Server) -> None:
    assert 'database "none" does not exist' in message(server.url("none"))


@pytest.mark.postgres
def test_a_role_that_may_not_connect(database: Database) -> None:
    database.run(
        f"REVOKE CONNECT ON DATABASE {database.name} FROM PUBLIC; DROP ROLE IF EXISTS outside;"
        f" CREATE ROLE outside LOGIN PASSWORD '{SECRET}'"
    )
    text = message(database.server.url(database.name, user="outside", password=SECRET), seconds=60)
    assert text.endswith("does not let this role connect (user outside); grant CONNECT to it")


@pytest.mark.postgres
def test_a_role_that_may_only_read(database: Database) -> None:
    database.run(
        f"REVOKE CREATE ON SCHEMA public FROM PUBLIC; DROP ROLE IF EXISTS reader;"
        f" CREATE ROLE reader LOGIN PASSWORD '{SECRET}'"
    )
    text = message(database.server.url(database.name, user="reader", password=SECRET))
    assert "does not let reader make tables in public; connect as the role that owns the tables" in text


@pytest.mark.postgres
def test_a_role_whose_transactions_are_read_only(database: Database) -> None:
    database.run(f"ALTER ROLE {USER} IN DATABASE {database.name} SET default_transaction_read_only = on")
    text = message(database.url)
    assert (
        f"is read-only for {USER}; give the address of the primary, or turn default_transaction_read_only off" in text
    )


@pytest.mark.postgres
def test_a_role_that_does_not_own_the_table(database: Database) -> None:
    database.run(
        f"CREATE TABLE a (id integer); DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN PASSWORD '{SECRET}';"
        " GRANT CREATE, USAGE ON SCHEMA public TO guest"
    )
    url = database.server.url(database.name, user="guest", password=SECRET)
    try:
        with pytest.raises(
            InfraError, match=r'^0001_m1\.sql:1: PostgreSQL says "must be owner of table a", 42501; connect as the role'
        ):
            apply(parse_url(url), job("ALTER TABLE a ADD COLUMN b integer;"))
    finally:
        database.run("DROP OWNED BY guest")


@pytest.mark.postgres
def test_the_server_does_not_offer_tls_that_is_asked_for(database: Database) -> None:
    text = message(database.url + "?sslmode=require", seconds=60)
    assert text.endswith(
        f"does not offer TLS (user {USER}); add ?sslmode=disable to the URL, if the network in between is private"
    )


@pytest.mark.postgres
def test_a_database_that_answers_is_reachable(database: Database) -> None:
    check_reachable(database.url)


@pytest.fixture(scope="module")
def tls_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server like Railway's: TLS with a certificate that it signed itself, and nothing without."""
    binaries = debian_binaries()
    if shutil.which("openssl") is None or binaries is None:
        pytest.skip("needs openssl and Debian's PostgreSQL: the embedded one is built without TLS")
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
