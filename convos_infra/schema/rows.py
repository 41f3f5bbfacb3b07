"""Finds what INSERT, UPDATE, DELETE and MERGE lose, and what they trigger. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from convos_infra.schema.condition import Rows, can_exclude, has_every_row, returns_every_row
from convos_infra.schema.cursors import UNKNOWN, current_of, join_rows
from convos_infra.schema.excluded_row import types_of
from convos_infra.schema.tree import definition, kind_of, word

if TYPE_CHECKING:
    from convos_infra.schema.altered import Found
    from convos_infra.schema.known import Known

_CHANGES_CHILDREN = frozenset("cnd")
"""ON DELETE CASCADE, SET NULL and SET DEFAULT (pg_constraint.confdeltype)."""


def found(node: Any, event: str, known: Known, *, is_hidden: bool) -> Iterator[Found]:
    """Return what a statement that changes rows loses.

    Args:
        node: the statement.
        event: `delete`, `update`, `insert` or `merge`.
        known: the known objects.
        is_hidden: whether a trigger or a rule runs it, so that the file does not show it.
    """
    if event in ("delete", "update") and current_of(node):
        node = type(node).FromString(node.SerializeToString())
        join_rows(node, {current_of(node): known.cursors.get(current_of(node), UNKNOWN)})
    table = known.relation(node.relation)
    if event == "merge" and "delete" in events(node, event):
        yield "merge-delete", table
    yield from (("update-all", f"{table}.{one.res_target.name}") for one in _overwritten(node, event, table, known))
    if event == "delete":
        is_all = not can_exclude(node.where_clause, _rows(node, table, known, node.using_clause))
        if is_all or is_hidden:
            yield "delete-all" if is_all else "hidden-delete", table
        yield from (("cascade-delete", child) for of in tables(table, known) for child in _children(of, known))


def _rows(node: Any, table: str, known: Known, beside: Iterable[Any]) -> Rows:
    """Describe the rows from which a statement's condition selects; `beside` are the joined tables."""
    name = node.relation.relname
    required = frozenset(column for of, column in known.required if of == table)
    alias = node.relation.alias.aliasname or name
    columns = {column: types_of(one.name) for (of, column), one in known.columns.items() if of == table}
    views = {view: query for view, query in known.views.items() if view != table}
    rows = Rows(name, required, alias=alias, types=columns, queries=views).beside(node.with_clause)
    return replace(rows, is_joined_with_itself=any(has_every_row(one, rows) for one in beside))


def _overwritten(node: Any, event: str, table: str, known: Known) -> Iterator[Any]:
    """Return the assignments by which a statement overwrites every row."""
    if event == "update" and not can_exclude(node.where_clause, _rows(node, table, known, node.from_clause)):
        yield from node.target_list
    elif event == "insert" and node.HasField("on_conflict_clause"):
        # Rows of the table itself, each of which exists already.
        clause, rows = node.on_conflict_clause, _rows(node, table, known, ())
        is_own = returns_every_row(node.select_stmt.select_stmt, rows)
        rows = replace(rows, is_joined_with_itself=is_own)
        if is_own and not can_exclude(clause.where_clause, rows):
            yield from clause.target_list
    elif event == "merge":
        rows = _rows(node, table, known, [node.source_relation])
        for one in (each.merge_when_clause for each in node.merge_when_clauses):
            # WHEN NOT MATCHED BY SOURCE is about the rows for which the join condition is not true.
            is_rest = word(one, "match_kind") == "MERGE_WHEN_NOT_MATCHED_BY_SOURCE"
            is_all = not can_exclude(node.join_condition, rows, is_negated=is_rest)
            if word(one, "command_type") == "CMD_UPDATE" and is_all and not can_exclude(one.condition, Rows()):
                yield from one.target_list


def events(node: Any, event: str) -> list[str]:
    """Return the events that a statement fires: for MERGE its actions, for INSERT with ON CONFLICT also the UPDATE."""
    if event == "merge":
        clauses = (one.merge_when_clause for one in node.merge_when_clauses)
        return sorted({word(one, "command_type").removeprefix("CMD_").lower() for one in clauses} - {"nothing"})
    if event == "insert" and node.HasField("on_conflict_clause") and node.on_conflict_clause.target_list:
        return ["insert", "update"]
    return [event]


def tables(table: str, known: Known) -> Iterator[str]:
    """Return a table; for a view, also the table whose rows it has_every_row."""
    seen = []
    while table not in seen:
        seen.append(table)
        query = known.views.get(table)
        if query is None or len(getattr(query, "from_clause", ())) != 1:
            break
        source = query.from_clause[0]
        if kind_of(source) != "range_var":
            break
        table = known.relation(source.range_var)
    yield from seen


def cascades(table: str, known: Known) -> Iterator[str]:
    """Return the tables whose rows are deleted together with rows of a table."""
    for one in list(known.references.values()):
        if one.parent == table and one.on_delete == "c":
            yield one.child


def _children(table: str, known: Known, seen: frozenset[str] = frozenset()) -> Iterator[str]:
    for one in known.references.values():
        if one.parent == table and one.on_delete in _CHANGES_CHILDREN and one.child not in seen:
            yield one.child
            if one.on_delete == "c":
                yield from _children(one.child, known, seen | {one.child})


def is_constant(node: Any) -> bool:
    """Tell whether an INSERT contains only constants, so that nothing else in it needs a check."""
    query = node.select_stmt.select_stmt
    if not query.values_lists or node.HasField("returning_clause") or node.HasField("with_clause"):
        return False
    if node.HasField("on_conflict_clause"):
        return False
    return all(kind_of(value) == "a_const" for line in query.values_lists for value in line.list.items)


def added(node: Any, known: Known) -> Iterator[tuple[str, str]]:
    """Return the columns that an ALTER TABLE adds, which have no earlier values."""
    table = known.relation(node.relation)
    for one in node.cmds:
        if word(one.alter_table_cmd, "subtype") == "AT_AddColumn" and not one.alter_table_cmd.missing_ok:
            yield table, definition(one.alter_table_cmd).column_def.colname
