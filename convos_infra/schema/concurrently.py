"""Runs a migration outside a transaction: one statement that is safe to repeat after an interruption.

A failed CREATE INDEX CONCURRENTLY leaves an invalid index, which `IF NOT EXISTS` would then accept, and REINDEX
CONCURRENTLY leaves `…_ccnew` (postgresql.org/docs/current/sql-reindex.html): both are removed before and after.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from convos_infra.errors import InfraError
from convos_infra.schema import catalog, history
from convos_infra.schema.execute import failed
from convos_infra.schema.tree import definition, word

if TYPE_CHECKING:
    from convos_infra.schema.connection import BoundedConnection
    from convos_infra.schema.limits import Timeouts
    from convos_infra.schema.migration import MigrationFile
    from convos_infra.schema.progress import StatementWatch
    from convos_infra.schema.script import Statement

_COPY = r"_cc(new|old)[0-9]*$"
_INVALID = f"""
SELECT n.nspname, c.relname FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT x.indisvalid AND (x.indrelid = to_regclass(%(of)s) OR x.indrelid IN (
    SELECT indrelid FROM pg_index WHERE indexrelid = to_regclass(%(of)s)))
AND (c.relname = %(index)s OR (%(copies)s AND c.relname ~ '{_COPY}'))
"""  # noqa: S608  # a pattern of ours
_PENDING_DETACH = "SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = to_regclass(%s)"


def run(
    connection: BoundedConnection,
    migration: MigrationFile,
    timeouts: Timeouts,
    watch: StatementWatch,
    *,
    noted: frozenset[str] | None,
) -> None:
    """Run a migration's only statement, then record it.

    Args:
        connection: in autocommit.
        migration: with `-- no-transaction`.
        timeouts: for its statement.
        watch: gets the statement while it runs.
        noted: the schemas whose content is recorded afterwards; None to record none.

    Raises:
        LockBusyError: a lock timed out.
        InfraError: the statement failed, the connection failed, or the created object is invalid.
    """
    statement = migration.script.statements[0]
    began = time.monotonic()
    settings = (
        f"SET lock_timeout = '{timeouts.lock}'; SET statement_timeout = '{timeouts.statement}';"
        " SET search_path = public; SET standard_conforming_strings = on"
    )
    try:
        with connection.deadline(3 * timeouts.seconds):
            connection.execute(settings.encode())
            _drop_invalid(connection, statement)
            history.note_begun(connection, migration)
            text = _left_to_do(connection, statement)
            watch.begin(migration.file, statement)
            if text:
                connection.execute(text.encode())
            _refuse_invalid(connection, migration, statement)
            found = None if noted is None else catalog.read(connection, noted)
            history.record(connection, migration, seconds=time.monotonic() - began, catalog=found)
    except psycopg.Error as error:
        with contextlib.suppress(psycopg.Error), connection.deadline(timeouts.seconds):
            _drop_invalid(connection, statement)
        raise failed(migration, statement, connection, error) from None
    finally:
        watch.end()


def left_behind(statement: Statement, live: catalog.Catalog, *, is_begun: bool) -> frozenset[str]:
    """Return the catalog's names of the remains of an interrupted statement: they are ours, so they are not drift.

    Args:
        statement: the next one to run.
        live: the current content of the database.
        is_begun: whether the history records that this statement was begun, so that all of its objects may exist.
    """
    return frozenset(_left_behind(statement, live, is_begun=is_begun))


def _left_behind(statement: Statement, live: catalog.Catalog, *, is_begun: bool) -> Iterator[str]:
    kind, node = statement.kind, statement.node
    for name, text in live.items():
        what, _, rest = name.partition(" ")
        if what == "index" and kind == "index_stmt" and rest.split(".")[-1] == node.idxname:
            if is_begun or text.endswith(catalog.INVALID):
                yield name
        elif what == "index" and kind == "reindex_stmt" and re.search(_COPY, rest) and text.endswith(catalog.INVALID):
            yield name
    if is_begun:
        yield from _maybe_changed(kind, node, live)


def _maybe_changed(kind: str, node: Any, live: catalog.Catalog) -> Iterator[str]:
    """Return the names of objects that a begun statement may have changed, whether it was recorded or not."""
    if kind == "alter_enum_stmt":
        yield f"enum {catalog.name_of([one.string.sval for one in node.type_name])}"
    elif kind == "drop_stmt":
        for one in node.objects:
            yield f"index {catalog.name_of([part.string.sval for part in one.list.items])}"
    elif kind == "alter_table_stmt":
        partition = definition(node.cmds[0].alter_table_cmd).partition_cmd.name
        name = catalog.name_of([one for one in (partition.schemaname, partition.relname) if one])
        yield f"table {name}"
        # The first half of DETACH … CONCURRENTLY gives the partition a CHECK of its bounds (sql-altertable.html).
        given = f"constraint {name}.{partition.relname}_"
        yield from (one for one in live if one.startswith(given) and live[one].startswith("CHECK ("))


def _target(statement: Statement) -> str:
    """Return the quoted name of the table or index of a statement; empty if there is none."""
    relation = statement.node.relation if statement.kind in ("index_stmt", "reindex_stmt") else None
    if relation is None or not relation.relname:
        return ""
    return ".".join(f'"{one.replace(chr(34), chr(34) * 2)}"' for one in (relation.schemaname, relation.relname) if one)


def _invalid(connection: BoundedConnection, statement: Statement) -> list[tuple[str, str]]:
    target = _target(statement)
    if not target:
        return []
    index = statement.node.idxname if statement.kind == "index_stmt" else ""
    asked = {"of": target, "index": index, "copies": statement.kind == "reindex_stmt"}
    return connection.execute(_INVALID.encode(), asked).fetchall()


def _drop_invalid(connection: BoundedConnection, statement: Statement) -> None:
    for schema, index in _invalid(connection, statement):
        name = sql.Identifier(schema, index)
        connection.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(name))


def _refuse_invalid(connection: BoundedConnection, migration: MigrationFile, statement: Statement) -> None:
    for schema, index in _invalid(connection, statement):
        where = f"{migration.file}:{statement.line}"
        raise InfraError(where, f"left the index {schema}.{index} invalid", "run the same command again")


def _left_to_do(connection: BoundedConnection, statement: Statement) -> str:
    """Return the statement to run: after an interrupted DETACH PARTITION CONCURRENTLY its second half, or nothing."""
    if statement.kind != "alter_table_stmt":
        return statement.text
    command = statement.node.cmds[0].alter_table_cmd
    if word(command, "subtype") != "AT_DetachPartition":
        return statement.text
    partition, table = definition(command).partition_cmd.name, statement.node.relation
    names = [[part for part in (one.schemaname, one.relname) if part] for one in (table, partition)]
    quoted = [sql.Identifier(*parts).as_string(connection) for parts in names]
    row = connection.execute(_PENDING_DETACH, (quoted[1],)).fetchone()
    if row is None:
        there = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (quoted[1],)).fetchone()
        return "" if there and there[0] else statement.text
    return f"ALTER TABLE {quoted[0]} DETACH PARTITION {quoted[1]} FINALIZE" if row[0] else statement.text
