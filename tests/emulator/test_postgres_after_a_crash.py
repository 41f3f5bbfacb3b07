"""The embedded PostgreSQL after a crash or on a full disk: what was half made is made again, data is kept."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
from pathlib import Path

import psycopg
import pytest

from emulator.postgres import Postgres, _unprivileged
from emulator.runs import Order, RunFailed, Running
from ops.local import process
from tests import needs

VARIABLES = {"POSTGRES_PASSWORD": "p-w", "POSTGRES_DB": "railway"}
ORDER = Order("d", "e", "s", "postgres", "postgres:17", "", VARIABLES, "", 10.0, "/data", "volume")


def quiet(_: str) -> None: ...


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "postgres"


def started(folder: Path) -> tuple[Postgres, Running]:
    postgres = Postgres(folder)
    return postgres, postgres.start(ORDER, quiet)


def session(running: Running) -> psycopg.Connection[tuple[object]]:
    host, _, port = running.address.partition(":")
    return psycopg.connect(
        host=host, port=int(port), user="postgres", password="p-w", dbname="railway", autocommit=True
    )


def killed(postgres: Postgres) -> None:
    """Kill the servers as a power cut does: the postmaster of each, its children end with it."""
    for server in postgres._servers.values():
        os.kill(server.pid, signal.SIGKILL)
        server.wait(20)


def test_a_folder_that_was_half_made_is_made_again(folder: Path) -> None:
    """initdb writes PG_VERSION first, so that the folder of a cut one looks like a whole one."""
    home = folder / "volume"
    (home / "data" / "base").mkdir(parents=True)
    (home / "data" / "PG_VERSION").write_text("18\n")
    (home / "unfinished").touch()
    (home / "port").touch()  # an empty file, as a full disk leaves it
    postgres, running = started(folder)
    try:
        with session(running) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("railway",)
        assert not (home / "unfinished").exists()
    finally:
        postgres.stop_all()


@pytest.mark.parametrize("content", ["", "x", "0", "70000", "٣", "9" * 5000, "54\x00"])
def test_after_kill_9_the_data_is_there_whatever_the_file_of_the_port_says(folder: Path, content: str) -> None:
    if content not in ("", "9" * 5000):
        assert Postgres(folder)._port(_with_port(folder, content)) > 1023
        return
    postgres, running = started(folder)
    with session(running) as connection:
        connection.execute("CREATE TABLE kept (x integer); INSERT INTO kept VALUES (7)")
    killed(postgres)
    (folder / "volume" / "port").write_text(content)
    postgres, running = started(folder)
    try:
        with session(running) as connection:
            assert connection.execute("SELECT x FROM kept").fetchone() == (7,)
    finally:
        postgres.stop_all()


def test_a_server_that_outlived_its_emulator_is_stopped_and_its_data_is_kept(folder: Path) -> None:
    outlived, running = started(folder)
    with session(running) as connection:
        connection.execute("CREATE TABLE kept (x integer); INSERT INTO kept VALUES (7)")
    (old,) = outlived._servers.values()
    postgres, running = started(folder)
    try:
        assert old.wait(20) == 0
        (server,) = postgres._servers.values()
        with session(running) as connection:
            assert connection.execute("SELECT x FROM kept").fetchone() == (7,)
        assert server.poll() is None, "what answers is the new one, which stop() reaches"
        postgres.stop(running.handle)
        with pytest.raises(psycopg.OperationalError):
            session(running)
    finally:
        postgres.stop_all()


def test_a_pid_in_a_file_that_was_left_over_is_nobody_to_be_stopped(folder: Path) -> None:
    postgres, _ = started(folder)
    killed(postgres)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        file = folder / "volume" / "data" / "postmaster.pid"
        for text in (f"{stranger.pid}\n", "-1\n", "0\n", "x\n", ""):
            file.write_text(text)
            postgres._stop_stranger(folder / "volume")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_server_carries_the_mark_of_what_started_its_emulator_and_no_secret(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(process.MARK, "/a/checkout/.local:emulator")
    monkeypatch.setenv("EMULATOR_ACCOUNT_TOKEN", "the-token")
    postgres, _ = started(folder)
    try:
        (server,) = postgres._servers.values()
        environment = Path(f"/proc/{server.pid}/environ").read_bytes().split(b"\0")
        assert f"{process.MARK}=/a/checkout/.local:emulator".encode() in environment
        assert not any(b"the-token" in one for one in environment)
    finally:
        postgres.stop_all()


def _with_port(folder: Path, content: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "port").write_text(content)
    return folder


def test_on_a_full_disk_it_says_so_and_starts_when_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        needs.NAMESPACES.skip()
    try:
        with pytest.raises(RunFailed, match="PostgreSQL did not start: .*No space left on device"):
            started(disk / "postgres")
        subprocess.run(["mount", "-o", "remount,size=300m", str(disk)], check=True)
        postgres, running = started(disk / "postgres")
        try:
            with session(running) as connection:
                assert connection.execute("SELECT current_database()").fetchone() == ("railway",)
        finally:
            postgres.stop_all()
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason=needs.ROOT.reason)
def test_the_user_that_postgresql_runs_as_is_one_that_every_machine_has() -> None:
    """Initdb refuses a user that /etc/passwd does not have; a bare container has system users alone."""
    number = subprocess.run([*_unprivileged(), "id", "--user"], capture_output=True, text=True, check=True).stdout
    assert pwd.getpwuid(int(number)).pw_name == "nobody"
