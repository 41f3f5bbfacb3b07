"""Turns an operator of a condition, such as `a < 5` or `b LIKE 'x%'`, into a function of the row's values. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.schema import sample_values as values
from convos_infra.schema.tree import kind_of, strings, word

if TYPE_CHECKING:
    from convos_infra.schema.condition_term import Term, TermReader

_PATTERNS = frozenset({"~~", "~~*", "~", "~*"})
_CONTAINS = frozenset({"@>", "<@", "&&", "?", "?|", "?&", "@@", "@?", "^@"})
_SIMILAR_TO = "SIMILAR TO"
_ESCAPES = {"like_escape": "~~", "similar_to_escape": _SIMILAR_TO}
"""The functions into which the parser turns LIKE … ESCAPE and SIMILAR TO, with the operators of their patterns."""
_ACCESS = frozenset({"->", "->>", "#>", "#>>"})
_SHIFTS = frozenset({"<<", ">>", "<<=", ">>="})
"""Of numbers they shift bits; of networks and ranges they compare."""
_EMPTY = frozenset({"", "{}", "[]", "(,)", "[,]", "[,)", "(,]"})
"""Constants that everything contains, or that contain everything."""
_TEXTS = ("", "a", "Zx9", " ", "é", "-_.", "2025-01-01")
"""A pattern that matches all of these counts as one that matches every text."""
_CLASSES = {"alpha": "A-Za-zÀ-ÿ", "digit": "0-9", "alnum": "A-Za-z0-9À-ÿ", "upper": "A-ZÀ-Þ", "lower": "a-zß-ÿ"}
_CLASSES |= {"space": r"\s", "blank": r" \t", "punct": "!-/:-@\\[-`{-~", "xdigit": "0-9A-Fa-f", "word": r"\w"}
_CLASSES |= {"print": " -~À-ÿ", "graph": "!-~À-ÿ", "cntrl": r"\x00-\x1f"}
"""PostgreSQL's character classes, such as `[:alpha:]`, which Python's regular expressions do not have."""
BOOLEAN = "boolean"


class UnknownValueError(Exception):
    """A condition depends on the row in a way that is unknown here."""


def negated(value: Any) -> Any:
    """Return NOT of a value: NULL stays NULL."""
    truth = values.to_boolean(value)
    return None if truth is None else not truth


def read(reader: TermReader, expression: Any, node: Any) -> Term:
    """Return an operator with its operands as a function.

    Args:
        reader: reads the operands.
        expression: an `A_Expr`.
        node: its node.

    Raises:
        UnknownValueError: its value depends on the row in a way that is unknown here.
    """
    kind, operator = word(expression, "kind").removeprefix("AEXPR_"), (strings(expression.name) or [""])[-1]
    if kind in ("LIKE", "ILIKE", "SIMILAR") or operator.lstrip("!") in _PATTERNS:
        return _pattern(reader, expression, node, operator)
    if kind in _KINDS:
        return _KINDS[kind](reader, expression, operator)
    if kind in ("OP_ANY", "OP_ALL"):
        return _each(reader, expression, node, operator, is_any=kind == "OP_ANY")
    return _two_sides(reader, expression, node, operator)


def _two_sides(reader: TermReader, expression: Any, node: Any, operator: str) -> Term:
    if operator in _ACCESS:
        reader.check(expression.lexpr, expression.rexpr)
        return reader.free(node) if reader.keys(node) else reader.same_for_all(node)
    if operator in _CONTAINS:
        return _contains(reader, expression, node)
    if operator in _SHIFTS and reader.keys(node):
        return reader.free(node, source=frozenset(reader.keys(node)))
    right = reader.read(expression.rexpr)
    if not kind_of(expression.lexpr):
        return _prefix(operator, right)
    left = reader.read(expression.lexpr)
    if values.is_comparison(operator):
        return lambda row: values.compare(operator, left(row), right(row))
    if values.is_calculation(operator):
        return _calculation(operator, left, right)
    if reader.keys(node):
        raise UnknownValueError
    return reader.same_for_all(node)


def _calculation(operator: str, left: Term, right: Term) -> Term:
    return lambda row: values.calculate(operator, left(row), right(row))


def _prefix(operator: str, right: Term) -> Term:
    if operator not in ("-", "+"):
        raise UnknownValueError
    return lambda row: values.calculate(operator, 0, right(row))


def _has_columns(reader: TermReader, expression: Any) -> bool:
    """Tell whether an operator has columns of the row; raises UnknownValueError if one is on both sides."""
    left, right = reader.keys(expression.lexpr), reader.keys(expression.rexpr)
    if set(left) & set(right):
        raise UnknownValueError
    return bool(left or right)


def _pattern(reader: TermReader, expression: Any, node: Any, operator: str) -> Term:
    """Return a term for a pattern: true if it matches every text, otherwise true or false whatever the text is."""
    is_negated, positive = operator.startswith("!"), operator.lstrip("!")
    if not _has_columns(reader, expression):
        return reader.same_for_all(node)
    pattern, called = expression.rexpr, ""
    if kind_of(pattern) == "func_call":
        called = strings(pattern.func_call.funcname)[-1]
        pattern = pattern.func_call.args[0] if called in _ESCAPES else pattern
    if matches_everything(_ESCAPES.get(called, positive), reader.constant(pattern)):
        argument = reader.read(expression.lexpr)
        return lambda row: None if argument(row) is None else not is_negated
    plain = type(node)()
    plain.CopyFrom(node)
    plain.a_expr.name[-1].string.sval = positive
    matches = reader.free(plain, (BOOLEAN,))
    return (lambda row: negated(matches(row))) if is_negated else matches


def matches_everything(operator: str, pattern: str | None) -> bool:
    """Tell whether every text matches a pattern.

    Args:
        operator: `~~` or `~~*` for LIKE, `SIMILAR TO`, `~` or `~*` for a regular expression.
        pattern: the pattern; None if it is not a constant.
    """
    if pattern is None:
        return False
    if operator in ("~~", "~~*"):
        return bool(pattern) and not pattern.strip("%")
    if operator == _SIMILAR_TO:
        wildcards = {"%": ".*", "_": ".", **{one: re.escape(one) for one in ".^$\\"}}
        pattern = f"^(?:{''.join(wildcards.get(one, one) for one in pattern)})$"
    try:
        found = re.compile(re.sub(r"\[:(\w+):\]", lambda one: _CLASSES.get(one[1], one[0]), pattern), re.DOTALL)
    except (re.error, OverflowError, RecursionError):
        return False
    return all(found.search(text) for text in _TEXTS)


def _contains(reader: TermReader, expression: Any, node: Any) -> Term:
    """Return a term for an operator such as `a @> b`: true or false whatever the sides are, unless one is empty."""
    left, right = reader.keys(expression.lexpr), reader.keys(expression.rexpr)
    if not left and not right:
        return reader.same_for_all(node)
    reader.check(expression.lexpr, expression.rexpr)
    is_empty = any(_is_empty(reader, one) for one in (expression.lexpr, expression.rexpr))
    if set(left) & set(right) or is_empty:
        raise UnknownValueError
    return reader.free(node, (BOOLEAN,))


def _is_empty(reader: TermReader, node: Any) -> bool:
    while kind_of(node) == "type_cast":
        node = node.type_cast.arg
    if kind_of(node) == "a_array_expr":
        return not node.a_array_expr.elements
    constant = reader.constant(node)
    return constant is not None and re.sub(r"\s", "", constant) in _EMPTY


def _in(left: Term, right: Term, operator: str) -> Term:
    def found(row: Mapping[str, Any]) -> Any:
        value = left(row)
        is_found = any_of([values.compare("=", value, one) for one in right(row)])
        return is_found if operator == "=" else negated(is_found)

    return found


def any_of(found: list[Any]) -> Any:
    """Return the OR of truth values."""
    return True if True in found else None if None in found else False


def _between(left: Term, right: Term, operator: str) -> Term:
    is_negated, is_symmetric = operator.startswith("NOT "), operator.endswith("SYMMETRIC")

    def found(row: Mapping[str, Any]) -> Any:
        value, (low, high) = left(row), right(row)
        ranges = [(low, high), (high, low)] if is_symmetric else [(low, high)]
        inside = [
            negated(any_of([negated(values.compare(">=", value, a)), negated(values.compare("<=", value, b))]))
            for a, b in ranges
        ]
        return negated(any_of(inside)) if is_negated else any_of(inside)

    return found


def _distinct(left: Term, right: Term, *, is_distinct: bool) -> Term:
    def found(row: Mapping[str, Any]) -> Any:
        one, other = left(row), right(row)
        same = one is other if one is None or other is None else values.compare("=", one, other) is True
        return same != is_distinct

    return found


def _nullif(left: Term, right: Term) -> Term:
    return lambda row: None if values.compare("=", left(row), right(row)) else left(row)


def _read_in(reader: TermReader, expression: Any, operator: str) -> Term:
    return _in(reader.read(expression.lexpr), reader.read(expression.rexpr), operator)


def _read_between(reader: TermReader, expression: Any, operator: str) -> Term:
    return _between(reader.read(expression.lexpr), reader.read(expression.rexpr), operator)


def _read_distinct(reader: TermReader, expression: Any, _: str) -> Term:
    is_null = any(kind_of(one) == "a_const" and one.a_const.isnull for one in (expression.lexpr, expression.rexpr))
    read_one = reader.read_for_null_test if is_null else reader.read
    is_distinct = word(expression, "kind") == "AEXPR_DISTINCT"
    return _distinct(read_one(expression.lexpr), read_one(expression.rexpr), is_distinct=is_distinct)


def _read_nullif(reader: TermReader, expression: Any, _: str) -> Term:
    return _nullif(reader.read(expression.lexpr), reader.read(expression.rexpr))


_KINDS: Mapping[str, Callable[[TermReader, Any, str], Term]] = {
    "IN": _read_in,
    **dict.fromkeys(("BETWEEN", "NOT_BETWEEN", "BETWEEN_SYM", "NOT_BETWEEN_SYM"), _read_between),
    "DISTINCT": _read_distinct,
    "NOT_DISTINCT": _read_distinct,
    "NULLIF": _read_nullif,
}


def _each(reader: TermReader, expression: Any, node: Any, operator: str, *, is_any: bool) -> Term:
    """Return a term for `a = ANY (ARRAY[…])`: true or false for an array that is not written out."""
    if not _has_columns(reader, expression):
        return reader.same_for_all(node)
    array = expression.rexpr
    while kind_of(array) == "type_cast":
        array = array.type_cast.arg
    if kind_of(array) != "a_array_expr" or not values.is_comparison(operator):
        return reader.free(node, (BOOLEAN,))
    value, parts = reader.read(expression.lexpr), reader.read(array)

    def found(row: Mapping[str, Any]) -> Any:
        answers = [values.compare(operator, value(row), one) for one in parts(row)]
        return any_of(answers) if is_any else negated(any_of([negated(one) for one in answers]))

    return found
