"""Incidents of the image, the database and a migration, solved by docs/incidents.md alone: `make incidents`."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests import needs
from tests.stack.fix_stack import LocalStack
from tests.stack.incident_page import IncidentPage, all_well

pytestmark = [
    pytest.mark.stack,
    pytest.mark.minutes_long("make incidents", asked=os.environ.get("INCIDENTS") == "1"),
]
IMAGE, DATABASE, MIGRATION = (
    "A new image crashes, or never gets ready",
    "The database is down, or full",
    "A migration failed half-way",
)
KEPT = "INSERT INTO pool_event (kind, reason) VALUES ('kept', 'what must not be lost')"
FLOOD = "INSERT INTO pool_event (kind, reason) SELECT 'flood', repeat(md5(g::text), 64) FROM generate_series(1, 1000) g"
"""A table of the schema: one of our own would be drift, which stops the update."""
ROOM_MB = 96
"""What a full disk has beside the data: PostgreSQL makes write-ahead log of 16 MB a file."""
MIGRATIONS = ("convos_infra", "schema", "migrations")


@contextmanager
def edited(file: Path, text: str) -> Iterator[None]:
    before = file.read_text()
    file.write_text(text)
    try:
        yield
    finally:
        file.write_text(before)


@pytest.mark.parametrize(
    ("file", "text", "said", "revision"),
    [
        ("pool-server.js", 'throw new Error("no such module: gateway");\n', "no such module: gateway", "dead000"),
        ("gateway.sh", "#!/bin/sh\nexec sleep 3600\n", "ready", "51ee900"),
    ],
    ids=["crashes", "is never ready"],
)
def test_an_image_that_does_not_run_is_pinned_away(
    stack: LocalStack, page: IncidentPage, file: str, text: str, said: str, revision: str
) -> None:
    if stack.outputs()["canary"]["mode"] != "container":
        needs.DOCKER.skip()
    if revision == "51ee900":
        stack.set("healthTimeout", "12")
        assert stack.up().code == 0
    before = stack.outputs()
    with edited(stack.checkout / "runtime" / "scripts" / file, text):
        bad = stack.push_image(revision + "0" * 33)
    stack.set("imageTag", bad)
    failed = stack.up()
    assert failed.code != 0
    assert said in failed.text, failed.text
    logs, images, *solved = page.play(IMAGE, **{"sha-1a2b3c4": before["image"]["tag"]})
    all_well([images, *solved])
    assert logs.code == 0, logs.text
    assert bad in images.text
    after = stack.outputs()
    assert after["canary"]["status"] == "SUCCESS"
    assert after["image"]["digest"] == before["image"]["digest"]
    assert after["poolManager"]["deploymentId"] == before["poolManager"]["deploymentId"], "users noticed nothing"


def data_folder(stack: LocalStack) -> Path:
    (found,) = (stack.checkout / ".local").glob("**/data/postmaster.pid")
    return found.parent


def kill(pid: int) -> None:
    """Kill a process, and wait until it has ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 20
    status = Path(f"/proc/{pid}/status")
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has been reaped
        while "State:\tZ" not in status.read_text():
            assert time.monotonic() < end
            time.sleep(0.02)


def crash(stack: LocalStack, folder: Path) -> None:
    """Kill PostgreSQL as the kernel does where memory is out, and let Railway say what it would say."""
    if (folder / "postmaster.pid").exists():  # a full disk may have stopped it already
        kill(int((folder / "postmaster.pid").read_text().split()[0]))
    environment = stack.outputs()["environment"]["id"]
    snapshot = stack.emulator(f"/snapshot?environment={environment}")
    service = next(row["id"] for row in snapshot["service"] if row["name"] == "postgres")
    newest = [row for row in snapshot["deployment"] if row["serviceId"] == service][-1]
    stack.tell("/deployments", {"id": newest["id"], "status": "CRASHED"})


def fill(url: str) -> None:
    """Write rows until PostgreSQL can write no more: it refuses the statement, or has to stop."""
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(1000):
            connection.execute(FLOOD)


def volume_is(stack: LocalStack, folder: Path, used: float, size: int) -> None:
    environment = stack.outputs()["environment"]["id"]
    volumes = stack.emulator(f"/snapshot?environment={environment}")["volume_instance"]
    database = next(row for row in volumes if folder.parent.name in (row["id"], row["volumeId"]))
    stack.tell("/volume_instances", {"id": database["id"], "currentSizeMB": used, "sizeMB": size})


def test_a_database_that_crashed_is_deployed_again(stack: LocalStack, page: IncidentPage) -> None:
    url = stack.outputs()["database"]["url"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(KEPT)
    crash(stack, data_folder(stack))
    looked, *solved = page.play(DATABASE)
    assert looked.code == 2
    assert re.search(r"database +wrong ", looked.text), looked.text
    all_well(solved)
    assert kept(url) == 1


def rows(url: str, table: str) -> int:
    """Return how many rows a table has."""
    with psycopg.connect(url) as connection:
        found = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert found is not None
    return int(found[0])


def kept(url: str) -> int:
    """Return how many of the rows are there that must not be lost, and remove them."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DELETE FROM pool_event WHERE kind = 'flood'")
        return connection.execute("DELETE FROM pool_event WHERE kind = 'kept'").rowcount


@pytest.mark.skipif(os.geteuid() != 0, reason=needs.ROOT.reason)
def test_a_database_that_is_full_gets_room_and_loses_nothing(
    stack: LocalStack, page: IncidentPage, tmp_path: Path
) -> None:
    url, folder = stack.outputs()["database"]["url"], data_folder(stack)
    history = rows(url, "schema_history")
    assert history >= 4
    crash(stack, folder)
    shutil.copytree(folder, tmp_path / "data", symlinks=True)
    used = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) // 1_000_000
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={used + ROOM_MB}m,mode=700", "none", folder], check=True)
    try:
        shutil.copytree(tmp_path / "data", folder, symlinks=True, dirs_exist_ok=True)
        all_well(page.play(DATABASE, "make doctor")[-2:])
        with pytest.raises(psycopg.OperationalError, match=r"No space left|server closed"):
            fill(url)
        volume_is(stack, folder, 4990, 5000)
        looked = stack.shell("make", "doctor", "STACK=local")
        assert looked.code == 2
        assert "full, or nearly:" in looked.text, looked.text
        # The page says to make the volume larger in Railway's dashboard.
        subprocess.run(["mount", "-o", "remount,size=1g", folder], check=True)
        volume_is(stack, folder, 4990, 10000)
        crash(stack, folder)
        *_, refreshed, applied, well = page.play(DATABASE)
        all_well([refreshed, applied, well])
        # The pool manager keeps the newest events alone; what it wrote of migrations stays.
        assert rows(url, "schema_history") == history
        assert rows(url, "pool_event") > 0
        kept(url)
    finally:
        back(stack, folder, tmp_path / "last")


def back(stack: LocalStack, folder: Path, copy: Path) -> None:
    """Put the data on the disk that it came from."""
    crash(stack, folder)
    shutil.copytree(folder, copy, symlinks=True)
    subprocess.run(["umount", "--lazy", folder], check=True)
    shutil.rmtree(folder)
    shutil.copytree(copy, folder, symlinks=True)
    assert stack.pulumi("refresh", "--yes", "--stack", "local").code == 0


TABLE = "CREATE TABLE incident_note (id int PRIMARY KEY, agent text);\n"
ROWS = "INSERT INTO incident_note VALUES (1, 'a'), ({}, 'b');\n"
INDEX = "-- no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS {} ON incident_note ({});\n"


def test_a_migration_that_failed_is_fixed_and_run_again(stack: LocalStack, page: IncidentPage) -> None:
    folder, url = stack.checkout.joinpath(*MIGRATIONS), stack.outputs()["database"]["url"]
    number = len(list(folder.glob("0*.sql"))) + 1
    first = folder / f"{number:04}_incident_note.sql"
    second = folder / f"{number + 1:04}_incident_index.sql"

    def objects() -> list[str]:
        with psycopg.connect(url) as connection:
            rows = connection.execute("SELECT relname FROM pg_class WHERE relname LIKE 'incident%' ORDER BY 1")
            return [str(name) for (name,) in rows]

    try:
        first.write_text(TABLE + ROWS.format(1))
        failed = stack.up()
        assert failed.code != 0
        assert f"{first.name}:2" in failed.text, failed.text
        assert objects() == [], "a migration that failed has changed nothing"
        first.write_text(TABLE + ROWS.format(2))
        planned, applied = page.play(MIGRATION)
        all_well([planned, applied])
        assert first.name in planned.text
        assert objects() == ["incident_note", "incident_note_pkey"]
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("UPDATE incident_note SET agent = 'a'")
        second.write_text(INDEX.format("incident_agent", "agent"))
        assert stack.up().code != 0
        second.write_text(INDEX.format("incident_agent", "id, agent"))
        all_well(page.play(MIGRATION))
        assert "incident_agent" in objects()
    finally:
        first.unlink(missing_ok=True)
        second.unlink(missing_ok=True)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP TABLE IF EXISTS incident_note")
            connection.execute("DELETE FROM schema_history WHERE version >= %s", (f"{number:04}",))
