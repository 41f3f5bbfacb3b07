"""A disk that is really full: what needs room is refused in the server's words, and goes through when there is room."""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from convos_infra.errors import InfraError
from tests import needs
from tests.pool.surroundings import Surroundings, surroundings, until_idle
from tests.schema.migrating import up, versions
from tests.schema.postgres_server import Database, Disk, Server, embedded_binaries
from tests.support.ports import free_port

if TYPE_CHECKING:
    from tests.emulator.fix_emulator import Emulator
    from tests.pool.agent_farm import Farm

MEBIBYTES = 32
FILL = "INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, %s)"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a tablespace on the small disk; its log of changes is elsewhere, as without it nothing goes."""
    home = tmp_path_factory.mktemp("small-disk")
    disk = Disk(home / "disk", MEBIBYTES)
    disk.folder.mkdir()
    if not disk.can_be_mounted():
        needs.NAMESPACES.skip()
    server = Server(home / "postgres", embedded_binaries(), free_port(), {"autovacuum": "off"}, disk=disk)
    server.initialise()
    server.start()
    try:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{disk.folder}'".encode())
            connection.execute(b"CREATE DATABASE pool TABLESPACE small")
            connection.execute(b"CREATE DATABASE schema TABLESPACE small")
        yield server
    finally:
        server.stop()


def fill(database: Database) -> None:
    """Leave no page free."""
    with database.connect() as connection:
        connection.execute("CREATE TABLE filler (t text)")
        for rows in (10_000, 1_000, 100, 8, 1):
            with contextlib.suppress(psycopg.errors.DiskFull):
                while True:
                    connection.execute(FILL, (rows,))


def test_a_claim_without_room_is_refused_and_handed_out_once_when_there_is_room(
    tmp_path: Path, small: Server, pool_emulator: Emulator, farm: Farm
) -> None:
    database = Database(small, "pool")
    long = base64.b64encode(os.urandom(15_000)).decode()
    with surroundings(tmp_path, database, pool_emulator, farm) as around, around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        fill(database)
        wish = {"agentName": "Ada", "instructions": long}
        answer = pool.call("POST", "/api/pool/claim", wish)
        assert answer.status_code == 503
        assert answer.json()["error"].startswith("database: could not extend file")
        assert "No space left on device" in answer.json()["error"]
        assert _told(around) == set()
        database.run("DROP TABLE filler")
        answer = pool.call("POST", "/api/pool/claim", wish)
        assert answer.status_code == 200, answer.text
        until_idle(pool, 1)
        assert _told(around) == {answer.json()["instanceId"]}
        assert around.orphans() == []


def _told(around: Surroundings) -> set[str]:
    return set(around.farm.conversations)


def test_a_migration_without_room_leaves_nothing_and_goes_through_when_there_is_room(small: Server) -> None:
    database, other = Database(small, "schema"), Database(small, "pool")
    texts = ("CREATE TABLE a (t text);", "SELECT 1;\nINSERT INTO a VALUES (1);")  # its first page is not there yet
    up(database, texts[0])
    fill(other)
    with pytest.raises(InfraError) as found:
        up(database, *texts)
    assert str(found.value).startswith('0002_m2.sql:2: PostgreSQL says "could not extend file')
    assert str(found.value).endswith("53100; Check free disk space.")
    assert database.value("SELECT count(*) FROM a") == 0
    other.run("DROP TABLE filler")
    assert versions(up(database, *texts)) == ["0001", "0002"]
    assert database.value("SELECT count(*) FROM a") == 1
