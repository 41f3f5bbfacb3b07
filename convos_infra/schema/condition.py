"""Decides whether a WHERE clause can exclude a row, from its parse tree. Pure.

It can if such a row is found (`excluded_row.py`). No search finds one for every condition that has one, and this one
errs on the safe side: a condition that calls an unknown function, or compares a column with something that is derived
from it in an unknown way, counts as one that selects every row.

The search evaluates constants, parameters, columns and the operators and functions of `sample_values.py`. It takes the
results of JSON paths, subqueries and the functions of `function_ranges.py` from samples, and asks of a pattern only
whether it matches every text, so a condition such as `a || 'y' LIKE '%y'` passes, although it selects every row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from convos_infra.schema import excluded_row
from convos_infra.schema.condition_operator import UnknownValueError, any_of, negated
from convos_infra.schema.condition_term import TermReader
from convos_infra.schema.sample_values import to_boolean
from convos_infra.schema.tree import dotted, inner, kind_of, strings, walk, word

_SAME_FOR_ALL = frozenset({"tableoid", "cmin", "cmax", "xmax"})
"""System columns that usually have one value in all rows of a table."""
_NEVER_NULL = _SAME_FOR_ALL | {"ctid", "xmin"}
_ROW_NAMES = ("excluded", "new", "old")
"""The names of a row in ON CONFLICT, and in triggers and rules."""
_BOUND = {">=": "min", "<=": "max"}
"""Comparisons of a column that are true for every row, by the aggregate of its own table on the right side."""


@dataclass(frozen=True)
class Rows:
    """The rows from which a condition selects.

    Attributes:
        table: the name of their table, without its schema; empty for a subquery.
        required: its columns that are never NULL.
        is_joined_with_itself: whether the table is joined with itself, so that `a.id = b.id` pairs a row with itself.
        alias: the name of the table in the condition; empty if a column of any table counts.
        types: the types that its columns may have (`excluded_row.py`), by name; without the columns of unknown type.
        queries: the queries (`SelectStmt`) of views and of WITH, by name.
    """

    table: str = ""
    required: frozenset[str] = frozenset()
    is_joined_with_itself: bool = False
    alias: str = ""
    types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    queries: Mapping[str, Any] = field(default_factory=dict)

    def beside(self, with_clause: Any) -> Rows:
        """Return the same rows for a part of a statement that can read the queries of a WITH clause."""
        named = (one.common_table_expr for one in with_clause.ctes)
        found = {one.ctename: one.ctequery.select_stmt for one in named}
        return replace(self, queries={**self.queries, **found}) if found else self


def can_exclude(where: Any, rows: Rows, *, is_negated: bool = False) -> bool:
    """Tell whether a condition can exclude a row.

    Args:
        where: a `Node`; an empty one means that there is no condition.
        rows: the rows from which it selects.
        is_negated: whether the statement is about the rows for which the condition is not true.
    """
    try:
        return kind_of(where) != "" and _or_can_exclude([(where, is_negated)], rows)
    except RecursionError:  # nested too deeply to be evaluated
        return False


def returns_every_row(query: Any, rows: Rows) -> bool:
    """Tell whether a query returns every row of a table: neither a condition nor a limit excludes one.

    Args:
        query: a `SelectStmt`.
        rows: the rows of the table.
    """
    if word(query, "op") != "SETOP_NONE":
        return word(query, "op") == "SETOP_UNION" and (
            returns_every_row(query.larg, rows) or returns_every_row(query.rarg, rows)
        )
    if query.group_clause or _is_limited(query):
        return False
    rows = rows.beside(query.with_clause)
    return any(
        has_every_row(one, rows) and not can_exclude(query.where_clause, _read_from(one, rows))
        for one in query.from_clause
    )


def _is_limited(query: Any) -> bool:
    """Tell whether a query has a LIMIT; LIMIT ALL and LIMIT NULL are none."""
    count = query.limit_count
    return kind_of(count) != "" and not (kind_of(count) == "a_const" and count.a_const.isnull)


def has_every_row(source: Any, rows: Rows) -> bool:
    """Tell whether a part of FROM returns every row of a table.

    Args:
        source: a table, a view, a subquery, or a join.
        rows: the rows of the table.
    """
    if kind_of(source) == "range_subselect":
        return returns_every_row(source.range_subselect.subquery.select_stmt, rows)
    if kind_of(source) == "join_expr":
        join = source.join_expr
        sides = ((join.larg, join.rarg, "JOIN_LEFT"), (join.rarg, join.larg, "JOIN_RIGHT"))
        return any(has_every_row(side, rows) and _keeps(join, side, other, outer, rows) for side, other, outer in sides)
    if kind_of(source) != "range_var":
        return False
    name = dotted([one for one in (source.range_var.schemaname, source.range_var.relname) if one])
    query = rows.queries.get(name)
    if query is not None:
        rest = {key: one for key, one in rows.queries.items() if key != name}
        return returns_every_row(query, replace(rows, queries=rest))
    return bool(source.range_var.relname == rows.table)


def _keeps(join: Any, side: Any, other: Any, outer: str, rows: Rows) -> bool:
    """Tell whether a join returns each row of one of its sides.

    Args:
        join: a `JoinExpr`.
        side: the side.
        other: the other side.
        outer: the type of outer join that keeps the rows of this side.
        rows: the rows of the table that this side returns.
    """
    if word(join, "jointype") in (outer, "JOIN_FULL"):
        return True
    if has_every_row(other, rows):
        return not can_exclude(join.quals, Rows(is_joined_with_itself=True))
    return not join.using_clause and not join.is_natural and not can_exclude(join.quals, _read_from(side, rows))


def _read_from(source: Any, rows: Rows) -> Rows:
    """Return the rows as the conditions of a query see them that reads them from a part of its FROM."""
    if kind_of(source) != "range_var" or source.range_var.relname != rows.table:
        return Rows(queries=rows.queries)
    alias = source.range_var.alias.aliasname or rows.table
    return replace(rows, alias=alias, is_joined_with_itself=False)


def _or_can_exclude(nodes: list[tuple[Any, bool]], rows: Rows) -> bool:
    """Tell whether an OR of conditions excludes a row.

    Args:
        nodes: the conditions, each with whether it is negated.
        rows: the rows from which they select.
    """
    node, is_negated = nodes[0]
    if len(nodes) == 1 and not is_negated and _is_always_true(node, rows):
        return False
    if len(nodes) == 1 and kind_of(node) == "bool_expr":
        parts, what = list(node.bool_expr.args), word(node.bool_expr, "boolop")
        if what == "NOT_EXPR":
            return _or_can_exclude([(parts[0], not is_negated)], rows)
        if (what == "AND_EXPR") != is_negated:
            return any(_or_can_exclude([(one, is_negated)], rows) for one in parts)
        return all(_or_can_exclude(group, rows) for group in _groups([(one, is_negated) for one in parts], rows))
    found = _finds_excluded(nodes, rows, has_open_texts=False)
    return bool(_finds_excluded(nodes, rows, has_open_texts=True) if found is None else found)


def _groups(nodes: list[tuple[Any, bool]], rows: Rows) -> list[list[tuple[Any, bool]]]:
    """Group the conditions of an OR so that no two groups share a column: each group can then be searched by itself."""
    groups: list[tuple[set[str], list[tuple[Any, bool]]]] = []
    for node in nodes:
        columns = {_key(one, rows) for name, one in walk(inner(node[0])) if name == "ColumnRef"} - {""}
        joined = [group for group in groups if group[0] & columns]
        groups = [group for group in groups if not group[0] & columns]
        every = [one for group in joined for one in group[1]]
        groups.append((columns.union(*(group[0] for group in joined)), [*every, node]))
    return [group for _, group in groups]


def _finds_excluded(nodes: list[tuple[Any, bool]], rows: Rows, *, has_open_texts: bool) -> bool | None:
    reader = TermReader(
        key_of=lambda one: _key(one, rows),
        types_of=lambda key: rows.types.get(key.rpartition(".")[2], ()),
        required=rows.required | _NEVER_NULL | {rows.alias},
        is_true=lambda one: _is_always_true(one, rows),
        has_open_texts=has_open_texts,
    )
    try:
        terms = [(reader.read(node), is_negated) for node, is_negated in nodes]
    except UnknownValueError:
        return None

    def any_is_true(row: Mapping[str, Any]) -> Any:
        return any_of([negated(term(row)) if is_negated else to_boolean(term(row)) for term, is_negated in terms])

    return excluded_row.exists(any_is_true, reader)


def _key(column: Any, rows: Rows) -> str:
    """Return a column's name; empty if it belongs to another table, or is the same for each row of a table."""
    names = strings(column.fields)
    table = names[-2] if len(names) > 1 else ""
    if names[-1] in _SAME_FOR_ALL:
        return ""
    if rows.is_joined_with_itself or table in ("", rows.alias):
        return names[-1]
    return ".".join(names) if not rows.alias or table in _ROW_NAMES else ""


def _is_always_true(node: Any, rows: Rows) -> bool:
    """Tell whether a part is true for every row: it finds itself or a bound of its own table, or NOT finds nothing."""
    kind = kind_of(node)
    if kind == "sub_link":
        return _is_found(node.sub_link, rows)
    if kind == "bool_expr" and word(node.bool_expr, "boolop") == "NOT_EXPR":
        operand = node.bool_expr.args[0]
        return kind_of(operand) == "sub_link" and _is_constant(operand.sub_link.subselect.select_stmt)
    if kind != "a_expr":
        return False
    operator = (strings(node.a_expr.name) or [""])[-1]
    left, right = node.a_expr.lexpr, node.a_expr.rexpr
    if word(node.a_expr, "kind") == "AEXPR_OP_ANY" and operator == "=" and kind_of(right) == "sub_link":
        return _is_own_rows(left, right.sub_link.subselect.select_stmt, rows)
    return kind_of(left) == "column_ref" and _is_bound(operator, left, right, rows)


def _is_constant(query: Any) -> bool:
    """Tell whether a subquery's own condition uses no column, so that it returns all of its rows or none."""
    has_limit = kind_of(query.limit_count) == "a_const" and not query.limit_count.a_const.ival.ival
    return has_limit or (kind_of(query.where_clause) != "" and not _has_columns(query.where_clause))


def _is_bound(operator: str, column: Any, right: Any, rows: Rows) -> bool:
    """Tell whether an expression is `id >= (SELECT min(id) FROM t)` of the same table."""
    if kind_of(right) != "sub_link" or operator not in _BOUND:
        return False
    return _is_bound_by(operator, column, right.sub_link.subselect.select_stmt, rows)


def _is_bound_by(operator: str, column: Any, query: Any, rows: Rows) -> bool:
    if len(query.target_list) != 1 or not returns_every_row(query, rows):
        return False
    call = query.target_list[0].res_target.val.func_call
    return strings(call.funcname)[-1:] == [_BOUND[operator]] and [_column_name(one) for one in call.args] == [
        _column_name(column)
    ]


def _is_found(link: Any, rows: Rows) -> bool:
    """Tell whether each row finds itself in a subquery: `id IN (SELECT id FROM t)`, or EXISTS on the same table."""
    query, what = link.subselect.select_stmt, word(link, "sub_link_type")
    operator = (strings(link.oper_name) or ["="])[-1]
    if (
        kind_of(link.testexpr) == "column_ref"
        and operator in _BOUND
        and _is_bound_by(operator, link.testexpr, query, rows)
    ):
        return True
    if what == "ANY_SUBLINK":
        return (strings(link.oper_name) or ["="]) == ["="] and _is_own_rows(link.testexpr, query, rows)
    if what != "EXISTS_SUBLINK" or len(query.from_clause) != 1 or query.group_clause:
        return False
    source = query.from_clause[0]
    is_itself = kind_of(source) == "range_var" and source.range_var.relname == rows.table
    return is_itself and not can_exclude(query.where_clause, Rows(is_joined_with_itself=True))


def _is_own_rows(left: Any, query: Any, rows: Rows) -> bool:
    """Tell whether `left IN (query)` is `id IN (SELECT id FROM t)`: the same columns, and every row of the table."""
    tables = [one.relname for name, one in walk(query) if name == "RangeVar"]
    if not tables or not returns_every_row(query, rows if rows.table else Rows(tables[0], queries=rows.queries)):
        return False
    parts = list(left.row_expr.args) if kind_of(left) == "row_expr" else [left]
    shown = [one.res_target.val for one in query.target_list]
    if [_column_name(one) for one in shown] == ["*"]:
        return True
    return len(parts) == len(shown) and all(_is_same(*pair) for pair in zip(parts, shown, strict=True))


def _is_same(one: Any, other: Any) -> bool:
    """Tell whether two expressions have the same value for the same row, such as `id` and `id + 0`."""
    if _column_name(one) and _column_name(other):
        return _column_name(one) == _column_name(other)
    equal = type(one)()
    equal.a_expr.kind = equal.a_expr.DESCRIPTOR.fields_by_name["kind"].enum_type.values_by_name["AEXPR_OP"].number
    equal.a_expr.name.add().string.sval = "="
    equal.a_expr.lexpr.CopyFrom(one)
    equal.a_expr.rexpr.CopyFrom(other)
    return _has_columns(one) and _has_columns(other) and not can_exclude(equal, Rows(is_joined_with_itself=True))


def _has_columns(node: Any) -> bool:
    return any(name == "ColumnRef" for name, _ in walk(inner(node)))


def _column_name(node: Any) -> str:
    return strings(node.column_ref.fields)[-1] if kind_of(node) == "column_ref" else ""
