"""Databases that cannot be used: one line each, what to do, and never the password."""

from __future__ import annotations

import socket
import threading

import pytest

from convos_infra.errors import InfraError
from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import apply
from convos_infra.schema.connection import check_reachable, connect
from tests.schema.bad_database import SECRET, message
from tests.schema.migrating import job
from tests.schema.postgres_server import (
    ENCODED,
    PASSWORD,
    USER,
    Database,
    Server,
)
from tests.support.ports import free_port


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "is not a PostgreSQL URL"),
        ("   ", "is not a PostgreSQL URL"),
        (f"mysql://u:{SECRET}@h/d", "is not a PostgreSQL URL"),
        (f"u:{SECRET}@h/d", "is not a PostgreSQL URL"),
        (f"postgresql://u:{SECRET}@h:99999/d", "is not a database URL"),
        (f"postgresql://u:{SECRET}@h:port/d", "is not a database URL"),
        (f"postgresql://u:{SECRET}[@h/d", "is not a database URL"),
        (f"postgresql://u:{SECRET}@h:0/d", "has no valid port"),
        (f"postgresql://u:{SECRET}@/d", "has no host"),
        (f"postgresql://u:{SECRET}@h", "has no database"),
        (f"postgresql://u:{SECRET}@h/", "has no database"),
        ("postgresql://h/d", "has no user"),
        ("postgresql:///", "has no user and no host and no database"),
        (f"postgresql://u:{SECRET}@h/d?sslmode=sometimes", "sslmode cannot be 'sometimes'"),
        (f"postgresql://u:{SECRET}@h/d?sslmode=allow", "sslmode cannot be 'allow'"),
        (f"postgresql://u:{SECRET}@h/d?options=-cx", "has the unknown parameter 'options'"),
        (f"postgresql://u:{SECRET}@${{{{Postgres.HOST}}}}/d", "contains a reference that only Railway can resolve"),
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
    assert "does not let reader create tables in public; connect as the role that owns the tables" in text


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
        f"does not offer TLS (user {USER}); if the network in between is private, add ?sslmode=disable to the URL"
    )


@pytest.mark.postgres
def test_a_database_that_answers_is_reachable(database: Database) -> None:
    check_reachable(database.url)
