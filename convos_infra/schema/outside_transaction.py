"""Statements that PostgreSQL runs only outside a transaction, and how to repeat them after an interruption. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.schema.tree import definition, word

if TYPE_CHECKING:
    from convos_infra.schema.migration import MigrationFile
    from convos_infra.schema.script import Statement


@dataclass(frozen=True)
class Outside:
    """A statement that runs outside a transaction.

    Attributes:
        name: its keywords.
        needs: the clause that it needs so that it can be repeated; empty if it needs none.
        is_only_outside: whether it cannot run inside a transaction at all.
    """

    name: str
    needs: str = ""
    is_only_outside: bool = True


def outside(statement: Statement) -> Outside | None:
    """Return the description of a statement that runs outside a transaction; None for any other."""
    kind, node = statement.kind, statement.node
    if kind == "index_stmt" and node.concurrent:
        unique = "UNIQUE " if node.unique else ""
        return Outside(f"CREATE {unique}INDEX CONCURRENTLY", "" if node.if_not_exists else "IF NOT EXISTS")
    if kind == "drop_stmt" and node.concurrent:
        return Outside("DROP INDEX CONCURRENTLY", "" if node.missing_ok else "IF EXISTS")
    if kind == "reindex_stmt":
        return _reindex(node)
    if kind == "vacuum_stmt":
        return Outside("VACUUM" if node.is_vacuumcmd else "ANALYZE", is_only_outside=node.is_vacuumcmd)
    if kind == "alter_enum_stmt" and not node.old_val:
        needs = "" if node.skip_if_new_val_exists else "ADD VALUE IF NOT EXISTS"
        return Outside("ALTER TYPE", needs, is_only_outside=False)
    if kind == "alter_table_stmt" and _detaches(node):
        return Outside("ALTER TABLE … DETACH PARTITION CONCURRENTLY")
    if kind == "cluster_stmt" and not node.HasField("relation"):
        return Outside("CLUSTER")
    never = {"createdb_stmt": "CREATE DATABASE", "dropdb_stmt": "DROP DATABASE", "alter_system_stmt": "ALTER SYSTEM"}
    return Outside(never[kind], "a repeatable statement, by hand") if kind in never else None


def _reindex(node: Any) -> Outside | None:
    what = word(node, "kind").removeprefix("REINDEX_OBJECT_")
    options = {one.def_elem.defname for one in node.params}
    if "concurrently" in options:
        return Outside(f"REINDEX {what} CONCURRENTLY")
    return Outside(f"REINDEX {what}") if what in ("DATABASE", "SYSTEM", "SCHEMA") else None


def _detaches(node: Any) -> bool:
    for one in node.cmds:
        command = one.alter_table_cmd
        partition = definition(command).partition_cmd
        if word(command, "subtype") == "AT_DetachPartition" and partition.concurrent:
            return True
    return False


def problem_inside(migration: MigrationFile) -> Iterator[InfraError]:
    """Return the statements of a file in a transaction that cannot run in one."""
    for statement in migration.script.statements:
        found = outside(statement)
        if found is not None and found.is_only_outside:
            problem = f"{found.name} cannot run in a transaction"
            where = f"{migration.file}:{statement.line}"
            yield InfraError(where, problem, 'put it in a file of its own with "-- no-transaction"')


def problem_outside(migration: MigrationFile) -> Iterator[InfraError]:
    """Return why a file with `-- no-transaction` cannot run, or cannot be repeated."""
    first, *more = migration.script.statements
    if more:
        problem = "a file with -- no-transaction must contain one statement, so that an interrupted run can continue"
        yield InfraError(f"{migration.file}:{more[0].line}", problem, "give it a file of its own")
    where, found = f"{migration.file}:{first.line}", outside(first)
    if found is None:
        yield InfraError(where, "needs no -- no-transaction, or is not repeatable", "remove the directive")
    elif found.needs:
        yield InfraError(where, "is not repeatable after an interruption", f"write {found.needs}")
