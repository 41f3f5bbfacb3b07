"""A preview refuses with the words of the update: a pooler, a standby, a role without rights, drift."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest

from convos_infra.schema.resource import DatabaseSchemaProvider
from tests.schema.migrating import files
from tests.schema.postgres_server import PASSWORD, Database, Server, free_port, new_database, unprivileged
from tests.schema.test_behind_a_pooler import pgbouncer, pooled

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["pgbouncer", "pooled"]
pytestmark = pytest.mark.postgres
ONE, TWO = "CREATE TABLE a (id integer);", "CREATE TABLE b (id integer);"
WRITABLE = "give the address of the primary, or turn default_transaction_read_only off for this role and database"
Made = Callable[[Database], AbstractContextManager[str]]


def inputs(url: str, *texts: str, **more: object) -> dict[str, object]:
    return {"databaseUrl": url, "migrations": files(*texts), "drift": "refuse", "connectSeconds": 5.0, **more}


def said_by_preview(news: dict[str, object], olds: dict[str, object]) -> list[str]:
    return [failure.reason for failure in DatabaseSchemaProvider().check(olds, news).failures]


def said_by_update(news: dict[str, object], olds: dict[str, object]) -> str:
    with pytest.raises(Exception) as found:  # noqa: PT011  # whatever it says is compared
        DatabaseSchemaProvider().update("public", olds, {**news, "pending": ["0002_m2.sql"]})
    return str(found.value)


@contextmanager
def read_only(database: Database) -> Iterator[str]:
    database.run(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    yield database.url


@contextmanager
def without_rights(database: Database) -> Iterator[str]:
    """The role may read all that the update reads first, and make nothing."""
    role = f"reader_{database.name}"
    database.run(f"CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    yield database.server.url(database.name, user=role, password="x")
    database.run(f"DROP OWNED BY {role}; DROP ROLE {role}")


@contextmanager
def drifted(database: Database) -> Iterator[str]:
    database.run("ALTER TABLE a ADD COLUMN notes text")
    yield database.url


OBSTACLES: dict[str, tuple[Made, str]] = {
    "read-only": (read_only, f"is read-only for owner; {WRITABLE}"),
    "a role without rights": (without_rights, "create tables in public; connect as the role that owns the tables"),
    "drift": (drifted, "schema: was changed by others since 0001_m1.sql: added: column a.notes text"),
}


@pytest.mark.parametrize(("made", "words"), OBSTACLES.values(), ids=OBSTACLES)
def test_a_preview_refuses_with_the_words_of_the_update(database: Database, made: Made, words: str) -> None:
    DatabaseSchemaProvider().create(inputs(database.url, ONE))
    with made(database) as url:
        news, olds = inputs(url, ONE, TWO), inputs(database.url, ONE)
        said = said_by_preview(news, olds)[0]  # the role's rights are drift as well, which comes after
        assert words in said
        assert said_by_update(news, olds).endswith(said)


def test_a_preview_through_a_pooler_refuses_with_the_words_of_the_update(database: Database, pooled: str) -> None:
    DatabaseSchemaProvider().create(inputs(database.url, ONE))
    news, olds = inputs(pooled, ONE, TWO), inputs(database.url, ONE)
    (said,) = said_by_preview(news, olds)
    assert "is reached through a pooler; use the server's own address" in said
    assert said_by_update(news, olds).endswith(said)
    # Nothing to apply and nothing to accept: the update only reads, and so does the preview.
    assert said_by_preview(inputs(pooled, ONE), olds) == []
    DatabaseSchemaProvider().update("public", olds, inputs(pooled, ONE))


def test_a_change_of_another_input_on_drift_is_refused_in_the_preview_too(database: Database) -> None:
    """Nothing is pending, but an update runs, and would refuse."""
    olds = inputs(database.url, ONE)
    DatabaseSchemaProvider().create(olds)
    database.run("ALTER TABLE a ADD COLUMN notes text")
    assert said_by_preview(inputs(database.url, ONE), {**olds, **dict.fromkeys(("target", "baseline"))}) == []
    for news, before in ((inputs(database.url, ONE, lockTimeout="9s"), olds), (olds, {**olds, "drifted": ["x"]})):
        (said,) = said_by_preview(news, before)
        assert said_by_update(news, before).endswith(said)
    assert said_by_preview(inputs(database.url, ONE, drift="accept"), olds) == []


@pytest.fixture(scope="module")
def standby_of(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, Server]]:
    """A database with one migration, and a standby of its server that has it."""
    with new_database(server) as database:
        DatabaseSchemaProvider().create(inputs(database.url, ONE))
        home = tmp_path_factory.mktemp("standby") / "postgres"
        standby = Server(home, server.binaries, free_port(), {"hot_standby": "on"})
        copied(server, home)
        standby.start()
        try:
            deadline = time.monotonic() + 30
            while not versions(standby.url(database.name)):
                assert time.monotonic() < deadline, standby.log()
                time.sleep(0.05)
            yield database, standby
        finally:
            standby.stop()


def copied(server: Server, home: Path) -> None:
    """Copy a running server, with all that a standby of it needs."""
    home.mkdir()
    command = [str(server.binaries / "pg_basebackup"), "--pgdata=data", "--write-recovery-conf", "--checkpoint=fast"]
    command += ["--host=127.0.0.1", f"--port={server.port}", "--username=owner", "--no-sync"]
    environment = {**server.environment, "PGPASSWORD": PASSWORD}
    if unprivileged()[:1] == ("setpriv",):
        home.chmod(0o777)
    subprocess.run([*unprivileged(), *command], cwd=home, env=environment, check=True, capture_output=True, timeout=60)


def versions(url: str) -> list[tuple[str]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT version FROM schema_history").fetchall()


def test_a_preview_of_a_standby_refuses_with_the_words_of_the_update(standby_of: tuple[Database, Server]) -> None:
    database, standby = standby_of
    url = standby.url(database.name)
    news, olds = inputs(url, ONE, TWO), inputs(database.url, ONE)
    (said,) = said_by_preview(news, olds)
    assert said.endswith(f"{database.name}: is a standby, which accepts no changes; {WRITABLE}")
    assert said_by_update(news, olds).endswith(said)
    assert said_by_preview(inputs(url, ONE), olds) == []
    assert (DatabaseSchemaProvider().read("public", inputs(url, ONE)).outs or {})["version"] == "0001"
