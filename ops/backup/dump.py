"""Dumps a database to a file, with a note beside it that says what a restore must produce."""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from convos_infra.errors import InfraError
from ops.backup import pg_program
from ops.backup.contents import Contents, counted
from ops.status.source import now, stamp

if TYPE_CHECKING:
    from pathlib import Path

    from convos_infra.schema.address import Address

CONNECT_SECONDS = 10
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Dump:
    """A backup.

    Attributes:
        file: the file, in pg_dump's custom format.
        stack: whose database it was.
        made_at: when.
        server: the server's version.
        contents: the rows by table, counted in the snapshot that was dumped.
        sha256: of the file.
        seconds: how long it took.
    """

    file: Path
    stack: str
    made_at: str
    server: str
    contents: Contents
    sha256: str
    seconds: float = 0.0

    def document(self) -> dict[str, Any]:
        """Return it for scripts, and for the note."""
        return {
            "stack": self.stack,
            "madeAt": self.made_at,
            "server": self.server,
            "rows": dict(self.contents.rows),
            "sha256": self.sha256,
        }


def note_of(file: Path) -> Path:
    """Return where the note of a backup is."""
    return file.with_name(f"{file.name}.json")


def made(stack: str, address: Address, file: Path) -> Dump:
    """Dump a database into a new file that its owner alone can read.

    Raises:
        InfraError: the file exists, the database cannot be read, or pg_dump is older than the server.
    """
    began = time.monotonic()
    if file.exists():
        raise InfraError(str(file), "exists already, and is not overwritten", "name another file: TO=…")
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.part")
    try:
        with connected(address) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            server = str(connection.info.parameter_status("server_version") or "")
            program = pg_program.found("pg_dump", major(connection))
            row = connection.execute("SELECT pg_export_snapshot()").fetchone()
            contents = counted(connection)
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            # The snapshot lasts as long as this transaction, so the counted rows are the dumped ones.
            program.run(["--format=custom", f"--snapshot={row[0] if row else ''}", f"--file={part}"], address)
        dump = Dump(file, stack, stamp(now()), server, contents, digest(part), time.monotonic() - began)
        note_of(file).write_text(json.dumps(dump.document(), indent=2) + "\n", encoding="utf-8")
        part.rename(file)
    except psycopg.Error as error:
        raise InfraError(f"database {address}", address.redacted(str(error))) from None
    finally:
        part.unlink(missing_ok=True)
    return dump


def read(file: Path) -> Dump:
    """Return a backup with its note, if the file is still the one that the note describes.

    Raises:
        InfraError: there is no such file or note, or the file's checksum differs from the note's.
    """
    try:
        note = json.loads(note_of(file).read_text(encoding="utf-8"))
        found = Dump(
            file,
            str(note["stack"]),
            str(note["madeAt"]),
            str(note["server"]),
            Contents({str(name): int(count) for name, count in note["rows"].items()}),
            str(note["sha256"]),
        )
        have = digest(file)
    except OSError as error:
        step = "FROM= names a file of make backup"
        raise InfraError(str(error.filename or file), f"cannot be read: {error.strerror}", step) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InfraError(str(note_of(file)), "is not a note that make backup wrote") from None
    if have != found.sha256:
        problem = "is not the file that make backup wrote: its checksum differs"
        raise InfraError(str(file), problem, "take another backup")
    return found


def connected(address: Address, *, autocommit: bool = False) -> psycopg.Connection[Any]:
    """Connect to a database."""
    return psycopg.connect(**{**address.parameters(), "connect_timeout": CONNECT_SECONDS}, autocommit=autocommit)


def major(connection: psycopg.Connection[Any]) -> int:
    """Return the major version of the server."""
    return connection.info.server_version // 10_000


def digest(file: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    found = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()
