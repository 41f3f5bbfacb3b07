"""Reads from a statement's parse tree which lock it takes, on which table and for how long. Pure.

`EFFECTS` has the same facts as examples; tests/schema/test_locks_taken.py compares the two. If the tree alone does not
decide, as for a change of a column's type, the longer duration is returned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convos_infra.schema.effects import (
    EXCLUSIVE,
    ITS_ROWS,
    MOMENT,
    NONE,
    READS,
    REWRITE,
    ROWS,
    SCAN,
    SHARE,
    SHARE_ROWS,
    SHARE_UPDATE,
)
from convos_infra.schema.tree import SERIAL_TYPES, definition, dotted, kind_of, named, strings, walk, word

if TYPE_CHECKING:
    from convos_infra.schema.script import Statement

_SAME_BYTES = frozenset({"text", "varchar"})


@dataclass(frozen=True)
class LockTaken:
    """A lock.

    Attributes:
        kind: of the statement, such as `CREATE INDEX`.
        table: the table; empty if the statement names none.
        lock: PostgreSQL's name of the lock; empty for none that others wait for.
        held: how long the statement itself holds it, not counting the rest of the transaction.
    """

    kind: str
    table: str = ""
    lock: str = NONE
    held: str = MOMENT


def locks_taken(statement: Statement) -> Iterator[LockTaken]:
    """Return the locks that a statement takes, one for each command of an ALTER TABLE."""
    node = statement.node
    if statement.kind == "alter_table_stmt":
        for one in node.cmds:
            yield _altered(dotted_relation(node.relation), word(node, "objtype"), one.alter_table_cmd)
    elif statement.kind in ("insert_stmt", "update_stmt", "delete_stmt", "merge_stmt"):
        verb = statement.kind.removesuffix("_stmt").upper()
        yield LockTaken(verb, dotted_relation(node.relation), ROWS, ITS_ROWS)
    elif statement.kind == "drop_stmt":
        yield from _dropped(node)
    elif statement.kind in _BY_KIND:
        yield _BY_KIND[statement.kind](node)
    else:
        yield LockTaken(_WITHOUT_A_LOCK.get(statement.kind, _words(statement.kind)))


def dotted_relation(range_var: Any) -> str:
    """Return the name of a relation in our notation, without `public`."""
    return dotted([one for one in (range_var.schemaname, range_var.relname) if one])


def _words(kind: str) -> str:
    return kind.removesuffix("_stmt").replace("_", " ").upper()


def _altered(table: str, objects: str, command: Any) -> LockTaken:
    what = word(command, "subtype").removeprefix("AT_")
    if objects == "OBJECT_TYPE":
        return LockTaken("ALTER TYPE", table)
    if objects == "OBJECT_INDEX":
        return LockTaken("ALTER INDEX", "", SHARE_UPDATE)
    if what == "AddConstraint":
        return _constraint(table, definition(command).constraint)
    if what == "AddColumn":
        is_filled = _fills_rows(definition(command).column_def)
        return LockTaken("ADD COLUMN", table, EXCLUSIVE, REWRITE if is_filled else MOMENT)
    if what == "AlterColumnType":
        column = definition(command).column_def
        keeps = strings(column.type_name.names)[-1] in _SAME_BYTES and not column.HasField("raw_default")
        return LockTaken("ALTER COLUMN TYPE", table, EXCLUSIVE, MOMENT if keeps else REWRITE)
    kind, lock, held = _COMMANDS.get(what, (_spaced(what), EXCLUSIVE, MOMENT))
    if what == "DetachPartition" and definition(command).partition_cmd.concurrent:
        return LockTaken(f"{kind} CONCURRENTLY", table, SHARE_UPDATE)
    return LockTaken(kind, table, lock, held)


_COMMANDS: Mapping[str, tuple[str, str, str]] = {
    "SetNotNull": ("SET NOT NULL", EXCLUSIVE, SCAN),
    "ValidateConstraint": ("VALIDATE CONSTRAINT", SHARE_UPDATE, SCAN),
    "SetUnLogged": ("SET UNLOGGED", EXCLUSIVE, REWRITE),
    "SetLogged": ("SET LOGGED", EXCLUSIVE, REWRITE),
    "SetAccessMethod": ("SET ACCESS METHOD", EXCLUSIVE, REWRITE),
    "SetTableSpace": ("SET TABLESPACE", EXCLUSIVE, REWRITE),
    "SetExpression": ("SET EXPRESSION", EXCLUSIVE, REWRITE),
    "SetRelOptions": ("SET (storage parameter)", SHARE_UPDATE, MOMENT),
    "ResetRelOptions": ("RESET (storage parameter)", SHARE_UPDATE, MOMENT),
    "SetStatistics": ("SET STATISTICS", SHARE_UPDATE, MOMENT),
    "ClusterOn": ("CLUSTER ON", SHARE_UPDATE, MOMENT),
    "AttachPartition": ("ATTACH PARTITION", SHARE_UPDATE, SCAN),
    **{
        f"{word}Trig{which}": (f"{word.upper()} TRIGGER", SHARE_ROWS, MOMENT)
        for word in ("Enable", "Disable")
        for which in ("", "All", "User")
    },
}


def _spaced(name: str) -> str:
    """Return PostgreSQL's name of a command as words: `DropColumn` is `DROP COLUMN`."""
    return "".join(f" {one}" if one.isupper() else one for one in name).strip().upper()


def _constraint(table: str, constraint: Any) -> LockTaken:
    kind = word(constraint, "contype").removeprefix("CONSTR_")
    held = MOMENT if constraint.skip_validation else SCAN
    if kind == "FOREIGN":
        return LockTaken("ADD FOREIGN KEY", table, SHARE_ROWS, held)
    if constraint.indexname:
        held = MOMENT
    return LockTaken(f"ADD {'PRIMARY KEY' if kind == 'PRIMARY' else kind}", table, EXCLUSIVE, held)


def _fills_rows(column: Any) -> bool:
    """Tell whether a new column may have a different value in each row: then PostgreSQL rewrites the table."""
    if strings(column.type_name.names)[-1] in SERIAL_TYPES:
        return True
    for one in column.constraints:
        kind = word(one.constraint, "contype")
        if kind in ("CONSTR_IDENTITY", "CONSTR_GENERATED"):
            return True
        if kind == "CONSTR_DEFAULT" and not _is_stable(one.constraint.raw_expr):
            return True
    return False


_STABLE = frozenset({"now", "transaction_timestamp", "statement_timestamp"})
"""Functions that are not volatile, and that migrations use as defaults (sql-altertable.html, Notes)."""


def _is_stable(node: Any) -> bool:
    called = [strings(one.funcname)[-1] for name, one in walk(node) if name == "FuncCall"]
    return all(name in _STABLE for name in called)


def _dropped(node: Any) -> Iterator[LockTaken]:
    what = word(node, "remove_type").removeprefix("OBJECT_").replace("MATVIEW", "MATERIALIZED VIEW")
    kind = f"DROP {what.replace('_', ' ')}{' CONCURRENTLY' if node.concurrent else ''}"
    for one in node.objects:
        parts = named(one)
        if what in ("TRIGGER", "POLICY", "RULE"):
            yield LockTaken(kind, dotted(parts[:-1]), EXCLUSIVE)
        elif what in ("TABLE", "VIEW", "MATERIALIZED VIEW", "SEQUENCE", "FOREIGN TABLE"):
            yield LockTaken(kind, dotted(parts), EXCLUSIVE)
        elif what == "INDEX":
            # It locks the index's table, which only the database knows.
            yield LockTaken(kind, "", NONE if node.concurrent else EXCLUSIVE)
        else:
            yield LockTaken(kind)


def _index(node: Any) -> LockTaken:
    table = dotted_relation(node.relation)
    kind = f"CREATE {'UNIQUE ' if node.unique else ''}INDEX"
    if node.concurrent:
        return LockTaken(f"{kind} CONCURRENTLY", table, SHARE_UPDATE, SCAN)
    return LockTaken(kind, table, SHARE, SCAN)


def _reindex(node: Any) -> LockTaken:
    if any(one.def_elem.defname == "concurrently" for one in node.params):
        return LockTaken("REINDEX CONCURRENTLY", dotted_relation(node.relation), SHARE_UPDATE, SCAN)
    return LockTaken("REINDEX", dotted_relation(node.relation), SHARE, SCAN)


def _truncate(node: Any) -> LockTaken:
    tables = [dotted_relation(one.range_var) for one in node.relations if kind_of(one) == "range_var"]
    return LockTaken("TRUNCATE", ", ".join(tables), EXCLUSIVE)


def _renamed(node: Any) -> LockTaken:
    what = word(node, "rename_type").removeprefix("OBJECT_").replace("TABCONSTRAINT", "CONSTRAINT").replace("_", " ")
    is_index = what == "INDEX"
    return LockTaken(
        f"RENAME {what}",
        "" if is_index else dotted_relation(node.relation),
        SHARE_UPDATE if is_index else EXCLUSIVE if node.HasField("relation") else NONE,
    )


def _refreshed(node: Any) -> LockTaken:
    held = MOMENT if node.skip_data else REWRITE
    lock = EXCLUSIVE if not node.concurrent else "EXCLUSIVE"
    return LockTaken("REFRESH MATERIALIZED VIEW", dotted_relation(node.relation), lock, held)


def _commented(node: Any) -> LockTaken:
    is_table = word(node, "objtype") in ("OBJECT_TABLE", "OBJECT_COLUMN")
    parts = named(node.object)
    table = parts if word(node, "objtype") == "OBJECT_TABLE" else parts[:-1]
    return LockTaken("COMMENT", dotted(table) if is_table else "", SHARE_UPDATE if is_table else NONE)


def _vacuumed(node: Any) -> LockTaken:
    tables = [dotted_relation(one.vacuum_relation.relation) for one in node.rels]
    return LockTaken("VACUUM" if node.is_vacuumcmd else "ANALYZE", ", ".join(tables), SHARE_UPDATE, SCAN)


def _locked(node: Any) -> LockTaken:
    modes = {1: READS, 2: "ROW SHARE", 3: ROWS, 4: SHARE_UPDATE, 5: SHARE, 6: SHARE_ROWS, 7: "EXCLUSIVE", 8: EXCLUSIVE}
    tables = [dotted_relation(one.range_var) for one in node.relations]
    return LockTaken("LOCK TABLE", ", ".join(tables), modes.get(node.mode, EXCLUSIVE))


_WITHOUT_A_LOCK = {
    "create_function_stmt": "CREATE FUNCTION",
    "create_seq_stmt": "CREATE SEQUENCE",
    "create_enum_stmt": "CREATE TYPE",
}
"""Kinds of statements whose names in PostgreSQL's parser differ from SQL's."""
_BY_KIND: Mapping[str, Callable[[Any], LockTaken]] = {
    # No other session waits for a lock on a table that it cannot see yet.
    "create_stmt": lambda node: LockTaken("CREATE TABLE", dotted_relation(node.relation)),
    "create_table_as_stmt": lambda node: LockTaken("CREATE TABLE AS", dotted_relation(node.into.rel)),
    "view_stmt": lambda node: LockTaken("CREATE VIEW", dotted_relation(node.view)),
    "create_trig_stmt": lambda node: LockTaken("CREATE TRIGGER", dotted_relation(node.relation), SHARE_ROWS),
    "rule_stmt": lambda node: LockTaken("CREATE RULE", dotted_relation(node.relation), EXCLUSIVE),
    "create_policy_stmt": lambda node: LockTaken("CREATE POLICY", dotted_relation(node.table), EXCLUSIVE),
    "create_stats_stmt": lambda node: LockTaken(
        "CREATE STATISTICS",
        ", ".join(dotted_relation(one.range_var) for one in node.relations if kind_of(one) == "range_var"),
        SHARE_UPDATE,
    ),
    "alter_object_schema_stmt": lambda node: LockTaken("SET SCHEMA", dotted_relation(node.relation), EXCLUSIVE),
    "alter_seq_stmt": lambda node: LockTaken("ALTER SEQUENCE", dotted_relation(node.sequence), SHARE_ROWS),
    "cluster_stmt": lambda node: LockTaken("CLUSTER", dotted_relation(node.relation), EXCLUSIVE, REWRITE),
    "index_stmt": _index,
    "reindex_stmt": _reindex,
    "truncate_stmt": _truncate,
    "rename_stmt": _renamed,
    "refresh_mat_view_stmt": _refreshed,
    "comment_stmt": _commented,
    "vacuum_stmt": _vacuumed,
    "lock_stmt": _locked,
}
