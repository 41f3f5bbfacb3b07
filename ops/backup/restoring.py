"""Restores a backup into a scratch database, which is dropped afterwards, or over the tables of the stack's own."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from convos_infra.errors import InfraError
from ops.backup import pg_program
from ops.backup.contents import Contents, counted
from ops.backup.dump import connected, major

if TYPE_CHECKING:
    from convos_infra.schema.address import Address
    from ops.backup.dump import Dump

SCRATCH = "convos_restore_drill_"
FLAGS = ("--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges")


@dataclass(frozen=True)
class Restored:
    """The result of a restore.

    Attributes:
        where: the database.
        contents: what is in it now.
        differences: from what was counted when the backup was made.
        seconds: how long it took.
    """

    where: str
    contents: Contents
    differences: tuple[str, ...]
    seconds: float

    def document(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {
            "database": self.where,
            "rows": dict(self.contents.rows),
            "differences": list(self.differences),
            "seconds": round(self.seconds, 1),
        }


def drilled(dump: Dump, server: Address) -> Restored:
    """Restore into a scratch database of a server, compare, and drop it again.

    Raises:
        InfraError: the server refuses a new database, or pg_restore fails.
    """
    with _scratch(server) as address:
        return _restored(dump, address, ())


def in_place(dump: Dump, address: Address) -> Restored:
    """Restore over the tables of a database, in one transaction: until it commits, everybody sees the old ones.

    Raises:
        InfraError: pg_restore fails; then nothing has changed.
    """
    return _restored(dump, address, ("--clean", "--if-exists"))


def _restored(dump: Dump, address: Address, more: tuple[str, ...]) -> Restored:
    began = time.monotonic()
    try:
        with connected(address) as connection:
            program = pg_program.found("pg_restore", major(connection))
        program.run([*FLAGS, *more, f"--dbname={address.database}", str(dump.file)], address)
        with connected(address) as connection:
            contents = counted(connection)
    except psycopg.Error as error:
        raise InfraError(f"database {address}", address.redacted(str(error))) from None
    return Restored(str(address), contents, tuple(dump.contents.differences(contents)), time.monotonic() - began)


@contextlib.contextmanager
def _scratch(server: Address) -> Iterator[Address]:
    name = f"{SCRATCH}{secrets.token_hex(4)}"
    _order(server, sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    try:
        yield replace(server, database=name)
    finally:
        _order(server, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _order(server: Address, statement: sql.Composed) -> None:
    try:
        with connected(server, autocommit=True) as connection:
            connection.execute(statement)
    except psycopg.Error as error:
        raise InfraError(f"database {server}", server.redacted(str(error))) from None
