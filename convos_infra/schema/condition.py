"""Decides whether a WHERE clause selects rows at all, from its parse tree. Pure.

It does if a row is found that it excludes (`excluded_row.py`). No check can find one for every condition that has one.
The search evaluates columns, constants, parameters, columns of other tables, the operators and functions of
`sample_values.py`, patterns, JSON paths, subqueries, and their combinations. A condition that needs another function,
or compares a column with something that is derived from it in an unknown way, counts as one that selects every row.
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

_ALWAYS = frozenset({"ctid", "tableoid", "xmin", "cmin", "xmax", "cmax"})
"""System columns, which every row has."""
_SAME_FOR_ALL = frozenset({"tableoid", "cmin", "cmax", "xmax"})
"""System columns that usually have one value in all rows of a table."""
_OF_A_ROW = ("excluded", "new", "old")
"""The names of a row in ON CONFLICT, and in triggers and rules."""
_BOUND = {">=": "min", "<=": "max"}
"""Comparisons that are true for every value with the least or the greatest value of the column."""


@dataclass(frozen=True)
class Rows:
    """The rows from which a condition selects.

    Attributes:
        table: the name of their table, without its schema; empty for a subquery.
        required: its columns that are never NULL.
        is_joined_with_itself: whether the table is joined with itself, so that `a.id = b.id` pairs a row with itself.
        alias: the name that a condition has for it; empty if a column of any table counts.
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


def chooses(where: Any, rows: Rows, *, is_negated: bool = False) -> bool:
    """Tell whether a condition can exclude a row.

    Args:
        where: a `Node`; an empty one means that there is no condition.
        rows: the rows from which it selects.
        is_negated: whether the rows are wanted for which it is not true.
    """
    try:
        return kind_of(where) != "" and _can_exclude([(where, is_negated)], rows)
    except RecursionError:  # nested too deeply to be evaluated
        return False


def is_whole(query: Any, rows: Rows) -> bool:
    """Tell whether a query returns every row of a table: neither a condition nor a limit excludes one.

    Args:
        query: a `SelectStmt`.
        rows: the rows of the table.
    """
    if word(query, "op") != "SETOP_NONE":
        return word(query, "op") == "SETOP_UNION" and (is_whole(query.larg, rows) or is_whole(query.rarg, rows))
    if query.group_clause or _is_limited(query):
        return False
    rows = rows.beside(query.with_clause)
    return any(shows(one, rows) and not chooses(query.where_clause, _read_from(one, rows)) for one in query.from_clause)


def _is_limited(query: Any) -> bool:
    """Tell whether a query has a LIMIT; LIMIT ALL and LIMIT NULL are none."""
    count = query.limit_count
    return kind_of(count) != "" and not (kind_of(count) == "a_const" and count.a_const.isnull)


def shows(source: Any, rows: Rows) -> bool:
    """Tell whether a part of FROM returns every row of a table.

    Args:
        source: a table, a view, a subquery, or a join.
        rows: the rows of the table.
    """
    if kind_of(source) == "range_subselect":
        return is_whole(source.range_subselect.subquery.select_stmt, rows)
    if kind_of(source) == "join_expr":
        join = source.join_expr
        sides = ((join.larg, join.rarg, "JOIN_LEFT"), (join.rarg, join.larg, "JOIN_RIGHT"))
        return any(shows(side, rows) and _keeps(join, side, other, outer, rows) for side, other, outer in sides)
    if kind_of(source) != "range_var":
        return False
    name = dotted([one for one in (source.range_var.schemaname, source.range_var.relname) if one])
    query = rows.queries.get(name)
    if query is not None:
        rest = {key: one for key, one in rows.queries.items() if key != name}
        return is_whole(query, replace(rows, queries=rest))
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
    if shows(other, rows):
        return not chooses(join.quals, Rows(is_joined_with_itself=True))
    return not join.using_clause and not join.is_natural and not chooses(join.quals, _read_from(side, rows))


def _read_from(source: Any, rows: Rows) -> Rows:
    """Return the rows as the conditions of a query see them that reads them from a part of its FROM."""
    if kind_of(source) != "range_var" or source.range_var.relname != rows.table:
        return Rows(queries=rows.queries)
    alias = source.range_var.alias.aliasname or rows.table
    return replace(rows, alias=alias, is_joined_with_itself=False)


def _can_exclude(nodes: list[tuple[Any, bool]], rows: Rows) -> bool:
    """Tell whether an OR of conditions excludes a row.

    Args:
        nodes: the conditions, each with whether NOT is before it.
        rows: the rows from which they select.
    """
    node, is_negated = nodes[0]
    if len(nodes) == 1 and not is_negated and _is_always_true(node, rows):
        return False
    if len(nodes) == 1 and kind_of(node) == "bool_expr":
        parts, what = list(node.bool_expr.args), word(node.bool_expr, "boolop")
        if what == "NOT_EXPR":
            return _can_exclude([(parts[0], not is_negated)], rows)
        if (what == "AND_EXPR") != is_negated:
            return any(_can_exclude([(one, is_negated)], rows) for one in parts)
        return all(_can_exclude(group, rows) for group in _groups([(one, is_negated) for one in parts], rows))
    return any(_finds_excluded(nodes, rows, has_open_texts=one) for one in (False, True))


def _groups(nodes: list[tuple[Any, bool]], rows: Rows) -> list[list[tuple[Any, bool]]]:
    """Return conditions in groups that share no column: a row that each of them excludes is one that all exclude."""
    groups: list[tuple[set[str], list[tuple[Any, bool]]]] = []
    for node in nodes:
        columns = {_key(one, rows) for name, one in walk(inner(node[0])) if name == "ColumnRef"} - {""}
        joined = [group for group in groups if group[0] & columns]
        groups = [group for group in groups if not group[0] & columns]
        every = [one for group in joined for one in group[1]]
        groups.append((columns.union(*(group[0] for group in joined)), [*every, node]))
    return [group for _, group in groups]


def _finds_excluded(nodes: list[tuple[Any, bool]], rows: Rows, *, has_open_texts: bool) -> bool:
    reader = TermReader(
        key_of=lambda one: _key(one, rows),
        types_of=lambda key: rows.types.get(key.rpartition(".")[2], ()),
        required=rows.required | _ALWAYS | {rows.alias},
        is_true=lambda one: _is_always_true(one, rows),
        has_open_texts=has_open_texts,
    )
    try:
        terms = [(reader.read(node), is_negated) for node, is_negated in nodes]
    except UnknownValueError:
        return False

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
    return ".".join(names) if not rows.alias or table in _OF_A_ROW else ""


def _is_always_true(node: Any, rows: Rows) -> bool:
    """Tell whether a part is true for each row because the row finds itself, or a bound of its own table."""
    kind = kind_of(node)
    if kind == "sub_link":
        return _is_found(node.sub_link, rows)
    if kind == "bool_expr" and word(node.bool_expr, "boolop") == "NOT_EXPR":
        negated_one = node.bool_expr.args[0]
        return kind_of(negated_one) == "sub_link" and _is_constant(negated_one.sub_link.subselect.select_stmt)
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
    return has_limit or (kind_of(query.where_clause) != "" and not _columns(query.where_clause))


def _is_bound(operator: str, column: Any, right: Any, rows: Rows) -> bool:
    """Tell whether an expression is `id >= (SELECT min(id) FROM t)` of the same table."""
    if kind_of(right) != "sub_link" or operator not in _BOUND:
        return False
    return _is_bound_by(operator, column, right.sub_link.subselect.select_stmt, rows)


def _is_bound_by(operator: str, column: Any, query: Any, rows: Rows) -> bool:
    if len(query.target_list) != 1 or not is_whole(query, rows):
        return False
    call = query.target_list[0].res_target.val.func_call
    return strings(call.funcname)[-1:] == [_BOUND[operator]] and [_column(one) for one in call.args] == [
        _column(column)
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
    return is_itself and not chooses(query.where_clause, Rows(is_joined_with_itself=True))


def _is_own_rows(asked: Any, query: Any, rows: Rows) -> bool:
    """Tell whether a subquery is `id IN (SELECT id FROM t)`: of the same columns, without a condition that selects."""
    tables = [one.relname for name, one in walk(query) if name == "RangeVar"]
    if not tables:
        return False
    own = rows if rows.table else Rows(tables[0], queries=rows.queries)
    if not is_whole(query, own):
        return False
    parts = list(asked.row_expr.args) if kind_of(asked) == "row_expr" else [asked]
    shown = [one.res_target.val for one in query.target_list]
    if [_column(one) for one in shown] == ["*"]:
        return True
    return len(parts) == len(shown) and all(_is_same(*pair) for pair in zip(parts, shown, strict=True))


def _is_same(one: Any, other: Any) -> bool:
    """Tell whether two expressions have the same value for the same row, such as `id` and `id + 0`."""
    if _column(one) and _column(other):
        return _column(one) == _column(other)
    equal = type(one)()
    equal.a_expr.kind = equal.a_expr.DESCRIPTOR.fields_by_name["kind"].enum_type.values_by_name["AEXPR_OP"].number
    equal.a_expr.name.add().string.sval = "="
    equal.a_expr.lexpr.CopyFrom(one)
    equal.a_expr.rexpr.CopyFrom(other)
    return _columns(one) and _columns(other) and not chooses(equal, Rows(is_joined_with_itself=True))


def _columns(node: Any) -> bool:
    return any(name == "ColumnRef" for name, _ in walk(inner(node)))


def _column(node: Any) -> str:
    return strings(node.column_ref.fields)[-1] if kind_of(node) == "column_ref" else ""
