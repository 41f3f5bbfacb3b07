"""Turns a subquery of a condition into a function of the row's values, usually one that may return anything. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convos_infra.schema.condition_operator import BOOLEAN, UnknownValueError
from convos_infra.schema.function_ranges import SAMPLES
from convos_infra.schema.tree import kind_of, strings, word

if TYPE_CHECKING:
    from convos_infra.schema.condition_term import Term, TermReader


def read(reader: TermReader, link: Any, node: Any) -> Term:
    """Return a subquery as a function.

    Args:
        reader: reads the other parts of the condition.
        link: a `SubLink`.
        node: its node.

    Raises:
        UnknownValueError: its value depends on the row in a way that is unknown here.
    """
    query, what = link.subselect.select_stmt, word(link, "sub_link_type")
    if what == "EXPR_SUBLINK":
        return _scalar(reader, query, node)
    left = link.testexpr if what in ("ANY_SUBLINK", "ALL_SUBLINK") else None
    if left is None and what == "EXISTS_SUBLINK":
        rest = type(link.subselect)()
        rest.CopyFrom(link.subselect)
        rest.select_stmt.ClearField("target_list")
        return reader.free(node, (BOOLEAN,)) if reader.keys(rest) else reader.same_for_all(node)
    if left is not None and reader.keys(left) and not query.from_clause and not query.values_lists:
        raise UnknownValueError
    return reader.free(node) if reader.keys(node) else reader.same_for_all(node)


def _scalar(reader: TermReader, query: Any, node: Any) -> Term:
    if not reader.keys(node):
        return reader.same_for_all(node)
    if len(query.target_list) != 1:
        raise UnknownValueError
    value = query.target_list[0].res_target.val
    if not query.from_clause and not kind_of(query.where_clause):
        return reader.read(value)
    called = strings(value.func_call.funcname)[-1] if kind_of(value) == "func_call" else ""
    return reader.free(node, samples=SAMPLES.get(called, ()))
