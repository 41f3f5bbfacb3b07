"""The migrations that an update applies: their statements, locks, and the rows of the tables that they lock. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convos_infra.errors import InfraError
from convos_infra.schema.lock_taken import locks_taken
from convos_infra.schema.migration import parse_file
from ops.plan.update_plan import MigrationFilePlan, StatementPlan


def file_plans(
    files: Mapping[str, Any], pending: Sequence[Any], rows: Mapping[str, int] | None
) -> Iterator[MigrationFilePlan]:
    """Return the plan of each pending file.

    Args:
        files: the texts of all migrations by file name.
        pending: the names of those that are pending; one that is only marked as applied has a note behind its name.
        rows: the estimated number of rows of each table; None if the database was not asked.
    """
    for entry in map(str, pending):
        is_marked = entry not in files
        name = entry.partition(" ")[0] if is_marked else entry
        yield MigrationFilePlan(name, () if is_marked else tuple(_statements(name, files[name], rows)), is_marked)


def _statements(name: str, sql: Any, rows: Mapping[str, int] | None) -> Iterator[StatementPlan]:
    try:
        statements = parse_file(name, str(sql)).script.statements
    except InfraError:
        # The preview itself refuses an invalid migration, with its line and a caret.
        return
    made: set[str] = set()
    for statement in statements:
        for one in locks_taken(statement):
            if one.kind == "CREATE TABLE":
                made.add(one.table)
            if one.table in made:
                # No other session sees a table before the transaction that creates it has ended.
                yield StatementPlan(one.kind, one.table)
            else:
                yield StatementPlan(one.kind, one.table, one.lock, one.held if one.lock else "", _rows(one.table, rows))


def _rows(table: str, rows: Mapping[str, int] | None) -> int | None:
    return (rows or {}).get(table)
