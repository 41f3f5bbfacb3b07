"""Decides whether a WHERE clause selects rows at all, from its parse tree. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from convos_infra.schema.tree import inner, kind_of, strings, walk, without_locations, word

_ALWAYS = frozenset({"ctid", "tableoid", "xmin", "cmin", "xmax", "cmax"})
"""System columns, which every row has."""
_OF_A_ROW = ("excluded", "new", "old")
"""The names of a row in ON CONFLICT, and in triggers and rules."""
_ANYTHING = frozenset({"%", "%%", ".*", "^", "", "_*"})
_OPPOSITE = {
    "=": "<>",
    "<": ">=",
    ">": "<=",
    "BETWEEN": "NOT BETWEEN",
    "~~": "!~~",
    "~~*": "!~~*",
    "~": "!~",
    "~*": "!~*",
}
_COMPARISONS = frozenset({*_OPPOSITE, *_OPPOSITE.values()})
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
    """

    table: str = ""
    required: frozenset[str] = frozenset()
    is_joined_with_itself: bool = False
    alias: str = ""


def chooses(where: Any, rows: Rows) -> bool:
    """Tell whether a condition can exclude a row.

    Args:
        where: a `Node`; an empty one means that there is no condition.
        rows: the rows from which it selects.
    """
    return kind_of(where) != "" and not _is_true(where, rows)


def is_whole(query: Any, table: str) -> bool:
    """Tell whether a query returns every row of a table: it reads nothing else, and no condition excludes a row.

    Args:
        query: a `SelectStmt`.
        table: its name, without its schema.
    """
    if query.group_clause or kind_of(query.limit_count) or len(query.from_clause) != 1:
        return False
    source = query.from_clause[0]
    is_of_it = kind_of(source) == "range_var" and source.range_var.relname == table
    return is_of_it and not chooses(query.where_clause, Rows())


def _is_true(node: Any, rows: Rows) -> bool:
    kind = kind_of(node)
    if kind == "current_of_expr":
        return False
    if kind == "bool_expr":
        return _is_combination_true(node.bool_expr, rows)
    if kind == "null_test":
        return word(node.null_test, "nulltesttype") == "IS_NOT_NULL" and _is_never_null(node.null_test.arg, rows)
    if kind == "boolean_test" and word(node.boolean_test, "booltesttype") in ("IS_NOT_UNKNOWN", "IS_NOT_FALSE"):
        return _is_true(node.boolean_test.arg, rows) or not _depends(node, rows) or _is_known(node.boolean_test, rows)
    if kind == "case_expr" and _is_case_true(node.case_expr, rows):
        return True
    if kind == "coalesce_expr" and _is_true(node.coalesce_expr.args[0], rows):
        return True
    if kind == "a_expr" and _is_expression_true(node.a_expr, rows):
        return True
    if kind == "sub_link" and _is_found(node.sub_link, rows):
        return True
    return not _depends(node, rows)  # it has the same value for every row


def _is_combination_true(expression: Any, rows: Rows) -> bool:
    what = word(expression, "boolop")
    parts = list(expression.args)
    if what == "AND_EXPR":
        return all(_is_true(one, rows) for one in parts)
    if what == "OR_EXPR":
        return any(_is_true(one, rows) for one in parts) or _are_opposites(parts)
    kind = kind_of(parts[0])
    if kind == "sub_link" and _is_constant(parts[0].sub_link.subselect.select_stmt):
        return True
    return not _depends(parts[0], rows) or (kind == "null_test" and _is_never(parts[0].null_test, rows))


def _is_never(test: Any, rows: Rows) -> bool:
    return word(test, "nulltesttype") == "IS_NULL" and _is_never_null(test.arg, rows)


def _is_known(test: Any, rows: Rows) -> bool:
    return word(test, "booltesttype") == "IS_NOT_UNKNOWN" and _is_never_null(test.arg, rows)


def _is_never_null(node: Any, rows: Rows) -> bool:
    """Tell whether a node is a constant, a column that is never NULL, a cast of one, or a comparison of those."""
    kind = kind_of(node)
    if kind == "a_const":
        return not node.a_const.isnull
    if kind == "list":
        return all(_is_never_null(one, rows) for one in node.list.items)
    if kind == "type_cast":
        return _is_never_null(node.type_cast.arg, rows)
    if kind == "a_expr" and word(node.a_expr, "kind") != "AEXPR_NULLIF":
        if (strings(node.a_expr.name) or [""])[-1] not in _COMPARISONS:
            return False
        return _is_never_null(node.a_expr.lexpr, rows) and _is_never_null(node.a_expr.rexpr, rows)
    return _column(node) in rows.required | _ALWAYS


def _is_constant(query: Any) -> bool:
    """Tell whether a subquery's own condition uses no column, so that it returns all of its rows or none."""
    has_limit = kind_of(query.limit_count) == "a_const" and not query.limit_count.a_const.ival.ival
    return has_limit or (kind_of(query.where_clause) != "" and not _columns(query.where_clause))


def _is_case_true(case: Any, rows: Rows) -> bool:
    """Tell whether a CASE is true for every row: its first branch that always applies is true, or all branches are."""
    branches = [one.case_when for one in case.args if not _is_false(one.case_when.expr)]
    results = [one.result for one in branches] + [case.defresult]
    if branches and not kind_of(case.arg) and _is_true(branches[0].expr, rows):
        results = results[:1]
    return all(kind_of(one) and not _is_false(one) and _is_true(one, rows) for one in results)


def _is_false(node: Any) -> bool:
    """Tell whether a node is a literal FALSE or NULL."""
    is_constant = kind_of(node) == "a_const"
    return is_constant and (
        node.a_const.isnull or (node.a_const.HasField("boolval") and not node.a_const.boolval.boolval)
    )


def _are_opposites(parts: list[Any]) -> bool:
    """Tell whether an OR is `a IS NULL OR a IS NOT NULL`, `x OR NOT x`, or `a IN (1) OR a NOT IN (1)`."""
    tests = {
        (without_locations(one.null_test.arg), word(one.null_test, "nulltesttype"))
        for one in parts
        if kind_of(one) == "null_test"
    }
    if any((argument, "IS_NOT_NULL") in tests for argument, what in tests if what == "IS_NULL"):
        return True
    plain = {without_locations(one) for one in parts}
    negated = [
        one.bool_expr for one in parts if kind_of(one) == "bool_expr" and word(one.bool_expr, "boolop") == "NOT_EXPR"
    ]
    compared = {
        (without_locations(one.a_expr.lexpr), strings(one.a_expr.name)[-1], without_locations(one.a_expr.rexpr))
        for one in parts
        if kind_of(one) == "a_expr" and one.a_expr.name
    }
    if any((left, _OPPOSITE.get(operator), right) in compared for left, operator, right in compared):
        return True
    return any(without_locations(one.args[0]) in plain for one in negated)


def _is_expression_true(expression: Any, rows: Rows) -> bool:
    operator = (strings(expression.name) or [""])[-1]
    left, right = expression.lexpr, expression.rexpr
    if word(expression, "kind") == "AEXPR_NULLIF":
        return False
    if word(expression, "kind") == "AEXPR_NOT_DISTINCT":
        return without_locations(left) == without_locations(right)
    if word(expression, "kind") == "AEXPR_OP_ANY" and operator == "=" and kind_of(right) == "sub_link":
        return _is_own_rows(left, right.sub_link.subselect.select_stmt)
    if operator in ("=", ">=", "<=") and without_locations(left) == without_locations(right):
        return True
    if operator in ("=", ">=", "<=") and kind_of(left) == "column_ref":
        if _is_bound(operator, left, right, rows):
            return True
        return rows.is_joined_with_itself and _column(left) == _column(right)
    if operator in ("~~", "~~*", "~", "~*") and kind_of(right) == "a_const":
        return right.a_const.sval.sval in _ANYTHING and right.a_const.HasField("sval")
    return False


def _is_bound(operator: str, column: Any, right: Any, rows: Rows) -> bool:
    """Tell whether an expression is `id >= (SELECT min(id) FROM t)` of the same table."""
    query = right.sub_link.subselect.select_stmt if kind_of(right) == "sub_link" else None
    if query is None or operator not in _BOUND or len(query.target_list) != 1 or not is_whole(query, rows.table):
        return False
    call = query.target_list[0].res_target.val.func_call
    return strings(call.funcname)[-1:] == [_BOUND[operator]] and [_column(one) for one in call.args] == [
        _column(column)
    ]


def _is_found(link: Any, rows: Rows) -> bool:
    """Tell whether each row finds itself in a subquery: `id IN (SELECT id FROM t)`, or EXISTS on the same table."""
    query, what = link.subselect.select_stmt, word(link, "sub_link_type")
    if what == "ANY_SUBLINK":
        return (strings(link.oper_name) or ["="]) == ["="] and _is_own_rows(link.testexpr, query)
    if what != "EXISTS_SUBLINK" or len(query.from_clause) != 1 or query.group_clause:
        return False
    source = query.from_clause[0]
    is_itself = kind_of(source) == "range_var" and source.range_var.relname == rows.table
    return is_itself and not chooses(query.where_clause, Rows(is_joined_with_itself=True))


def _is_own_rows(asked: Any, query: Any) -> bool:
    """Tell whether a subquery is `id IN (SELECT id FROM t)`: of the same columns, without a condition that selects."""
    sources = [one.range_var.relname for one in query.from_clause if kind_of(one) == "range_var"]
    if len(sources) != 1 or not is_whole(query, sources[0]):
        return False
    columns = [_column(one) for one in asked.row_expr.args] if kind_of(asked) == "row_expr" else [_column(asked)]
    shown = [_column(one.res_target.val) for one in query.target_list]
    return all(columns) and shown in (columns, ["*"])


def _columns(node: Any) -> bool:
    return any(name == "ColumnRef" for name, _ in walk(inner(node)))


def _depends(node: Any, rows: Rows) -> bool:
    """Tell whether a node may have another value for another row: a column without a table's name may be its own."""
    for name, one in walk(inner(node)):
        if name == "ColumnRef":
            names = strings(one.fields)
            table = names[-2] if len(names) > 1 else ""
            if not rows.alias or table in ("", rows.alias, *_OF_A_ROW):
                return True
    return False


def _column(node: Any) -> str:
    return strings(node.column_ref.fields)[-1] if kind_of(node) == "column_ref" else ""
