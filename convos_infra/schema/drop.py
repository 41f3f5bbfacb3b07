"""Drops the objects of the migrations when a stack with `schemaOnDestroy: drop` is destroyed; others are kept."""

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
    from convos_infra.schema.connection import BoundedConnection
    from convos_infra.schema.limits import Limits

KINDS = (
    "materialized view",
    "view",
    "table",
    "foreign table",
    "procedure",
    "function",
    "sequence",
    "domain",
    "enum",
    "range",
    "type",
)
"""The kinds that are dropped; dependencies between objects are found by trying."""
_WORDS = {"enum": "TYPE", "range": "TYPE"}


def ours(recorded: Iterable[str], live: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Return what to drop, by kind: everything that the last migration left behind and that still exists.

    Args:
        recorded: the catalog's names after the last migration.
        live: the catalog's names now.
    """
    both = sorted(set(recorded) & set(live))
    found = [(kind, [name.removeprefix(f"{kind} ") for name in both if name.startswith(f"{kind} ")]) for kind in KINDS]
    return [(kind, names) for kind, names in found if names]


def drop(address: Address, limits: Limits, tell: Callable[[str], None]) -> None:
    """Drop the objects of the migrations, and their history; do nothing if there is no history.

    Args:
        address: the database.
        limits: the longest waits.
        tell: called with one line for each kind.

    Raises:
        InfraError: it cannot be reached, or other objects depend on these; then nothing is dropped.
    """
    with contextlib.closing(connect(address, wait_seconds=limits.connect_seconds)) as connection:
        try:
            with locked(connection, limits, tell):
                found = history.read(connection)
                if not found.applied:
                    return
                plan = ours(found.left, catalog.read(connection, found.schemas))
                # Without CASCADE, so that a foreign view on one of these tables stops it.
                with connection.transaction():
                    _drop_all(connection, plan)
                    connection.execute(_statement("table", [history.TABLE]))
                for kind, names in plan:
                    tell(f"dropped {kind} {', '.join(names)}")
        except psycopg.Error as error:
            raise lost_or_refused(f"database {address}", connection, error) from None


def _drop_all(connection: BoundedConnection, plan: list[tuple[str, list[str]]]) -> None:
    """Drop in rounds: an object on which another one of the plan depends waits for the next round.

    Raises:
        psycopg.Error: a round dropped nothing, because objects outside of the plan depend on the rest.
    """
    # All tables at once, as foreign keys may form a cycle; everything else one by one.
    left = [(kind, [name]) for kind, names in plan if kind != "table" for name in names]
    left += [(kind, names) for kind, names in plan if kind == "table"]
    while left:
        waiting, refusal = [], None
        for kind, names in left:
            try:
                with connection.transaction():
                    connection.execute(_statement(kind, names))
            except psycopg.errors.DependentObjectsStillExist as error:
                waiting.append((kind, names))
                refusal = error
        if refusal is not None and len(waiting) == len(left):
            raise refusal
        left = waiting


def _statement(kind: str, names: list[str]) -> sql.Composed:
    written = sql.SQL(", ").join(_name(kind, name) for name in names)
    # IF EXISTS: the sequence of a column was dropped with its table.
    return sql.SQL("DROP {} IF EXISTS {}").format(sql.SQL(_WORDS.get(kind, kind.upper())), written)


def _name(kind: str, name: str) -> sql.Composable:
    """Return a catalog's name as SQL: a function's name includes its arguments, in PostgreSQL's notation."""
    name, bracket, arguments = name.partition("(") if kind in ("function", "procedure") else (name, "", "")
    parts = catalog.parts_of(name)
    return sql.SQL("{}{}").format(sql.Identifier(*parts), sql.SQL(bracket + arguments))
