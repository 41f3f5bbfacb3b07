"""Takes the tables of the migrations away, where a stack says so when it is destroyed: what others made stays."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from convos_infra.schema import catalog, history
from convos_infra.schema.connection import connect
from convos_infra.schema.execute import lost_or_refused
from convos_infra.schema.lock import locked

if TYPE_CHECKING:
    from convos_infra.schema.address import Address
    from convos_infra.schema.limits import Limits

KINDS = ("view", "materialized view", "table")
"""What is dropped, in this order: a view stands on tables."""


def ours(recorded: Iterable[str], live: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Return what to drop, by kind: what the last migration left behind and is still there.

    Args:
        recorded: the catalog's names after the last migration.
        live: the catalog's names now.
    """
    both = sorted(set(recorded) & set(live))
    found = [(kind, [name.removeprefix(f"{kind} ") for name in both if name.startswith(f"{kind} ")]) for kind in KINDS]
    return [(kind, names) for kind, names in found if names]


def drop(address: Address, limits: Limits, tell: Callable[[str], None]) -> None:
    """Drop the tables and views of the migrations, and their history; nothing where there is no history.

    Args:
        address: the database.
        limits: how long it may wait.
        tell: gets one line for each kind.

    Raises:
        InfraError: it cannot be reached, or something of others stands on a table of ours: then nothing is dropped.
    """
    with contextlib.closing(connect(address, wait_seconds=limits.connect_seconds)) as connection:
        try:
            with locked(connection, limits, tell):
                found = history.read(connection)
                if not found.applied:
                    return
                plan = ours(found.catalog or {}, catalog.read(connection))
                # Without CASCADE: a view that somebody put on a table of ours stops it.
                statements = [_statement(kind, names) for kind, names in plan]
                statements.append(_statement("table", [history.TABLE]))
                with connection.transaction():
                    for statement in statements:
                        connection.execute(statement)
                for kind, names in plan:
                    tell(f"dropped {kind} {', '.join(names)}")
        except psycopg.Error as error:
            raise lost_or_refused(f"database {address}", connection, error) from None


def _statement(kind: str, names: list[str]) -> sql.Composed:
    tables = sql.SQL(", ").join(sql.Identifier("public", name) for name in names)
    return sql.SQL("DROP {} {}").format(sql.SQL(kind.upper()), tables)
