"""Whether a WHERE chooses rows at all. Pure: from its parse tree."""

from __future__ import annotations

from typing import Any

from convos_infra.schema.tree import inner, kind_of, strings, walk, without_locations, word

_ALWAYS = frozenset({"ctid", "tableoid", "xmin", "cmin", "xmax", "cmax"})
"""System columns: no row is without them."""
_ANYTHING = frozenset({"%", "%%", ".*", "^", "", "_*"})


def chooses(where: Any, required: frozenset[str] = frozenset()) -> bool:
    """Tell whether a condition can leave a row out.

    Args:
        where: a `Node`; one that is empty is no condition.
        required: columns that are never NULL.
    """
    return kind_of(where) != "" and not _is_true(where, required)


def _is_true(node: Any, required: frozenset[str]) -> bool:
    kind = kind_of(node)
    if kind == "current_of_expr":
        return False
    if kind == "bool_expr":
        return _is_combination_true(node.bool_expr, required)
    if kind == "null_test":
        column = _column(node.null_test.arg)
        return word(node.null_test, "nulltesttype") == "IS_NOT_NULL" and (column in required or column in _ALWAYS)
    if kind == "boolean_test" and word(node.boolean_test, "booltesttype") in ("IS_NOT_UNKNOWN", "IS_NOT_FALSE"):
        return _is_true(node.boolean_test.arg, required) or not _columns(node)
    if kind == "a_expr" and _is_expression_true(node.a_expr):
        return True
    if kind == "sub_link" and _is_own_rows(node.sub_link):
        return True
    return not _columns(node)  # what looks at no column is the same for every row


def _is_combination_true(expression: Any, required: frozenset[str]) -> bool:
    what = word(expression, "boolop")
    parts = list(expression.args)
    if what == "AND_EXPR":
        return all(_is_true(one, required) for one in parts)
    if what == "OR_EXPR":
        return any(_is_true(one, required) for one in parts) or _are_opposites(parts)
    return not _columns(parts[0]) or (kind_of(parts[0]) == "null_test" and _is_never(parts[0].null_test, required))


def _is_never(test: Any, required: frozenset[str]) -> bool:
    return word(test, "nulltesttype") == "IS_NULL" and _column(test.arg) in required | _ALWAYS


def _are_opposites(parts: list[Any]) -> bool:
    """Tell `a IS NULL OR a IS NOT NULL`, and `x OR NOT x`."""
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
    return any(without_locations(one.args[0]) in plain for one in negated)


def _is_expression_true(expression: Any) -> bool:
    operator = strings(expression.name)[-1:]
    left, right = expression.lexpr, expression.rexpr
    if word(expression, "kind") == "AEXPR_NOT_DISTINCT":
        return without_locations(left) == without_locations(right)
    if operator in (["="], [">="], ["<="]) and kind_of(left) == "column_ref":
        return without_locations(left) == without_locations(right)
    if operator in (["~~"], ["~~*"], ["~"], ["~*"]) and kind_of(right) == "a_const":
        return right.a_const.sval.sval in _ANYTHING and right.a_const.HasField("sval")
    return False


def _is_own_rows(link: Any) -> bool:
    """Tell `id IN (SELECT id FROM t)`: a subquery without a condition, of a column of the same name."""
    query = link.subselect.select_stmt
    if kind_of(query.where_clause) or query.group_clause or kind_of(query.limit_count) or len(query.from_clause) != 1:
        return False
    if word(link, "sub_link_type") != "ANY_SUBLINK" or len(query.target_list) != 1:
        return False
    asked = _column(link.testexpr)
    return bool(asked) and asked == _column(query.target_list[0].res_target.val)


def _columns(node: Any) -> bool:
    return any(name == "ColumnRef" for name, _ in walk(inner(node)))


def _column(node: Any) -> str:
    return strings(node.column_ref.fields)[-1] if kind_of(node) == "column_ref" else ""
