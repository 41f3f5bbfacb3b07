"""Finds the functions that operators, casts, aggregates, domains and default arguments call implicitly. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from convos_infra.schema.tree import inner, kind_of, strings, walk, word

_OF_OPERATOR = frozenset({"function", "procedure"})
_OF_AGGREGATE = frozenset(
    {"sfunc", "finalfunc", "combinefunc", "serialfunc", "deserialfunc", "msfunc", "minvfunc", "mfinalfunc"}
)
CALLERS = frozenset({"A_Expr", "TypeCast"})
"""The parts of a statement that call functions without naming them."""
Made = tuple[str, list[list[str]]]
"""An object, such as `operator ###` or `type mood`, and the functions that it calls when it is used."""


def made(kind: str, node: Any) -> Iterator[Made]:
    """Return the objects that a statement creates and that call functions when they are used.

    Args:
        kind: the statement's kind.
        node: its parse tree.
    """
    if kind == "define_stmt":
        name = strings(node.defnames)[-1]
        if word(node, "kind") == "OBJECT_OPERATOR":
            yield f"operator {name}", list(_named(node.definition, _OF_OPERATOR))
        elif word(node, "kind") == "OBJECT_AGGREGATE":
            yield f"function {name}", list(_named(node.definition, _OF_AGGREGATE))
    elif kind == "create_cast_stmt" and node.HasField("func"):
        yield f"cast {strings(node.targettype.names)[-1]}", [strings(node.func.objname)]
    elif kind == "create_domain_stmt":
        yield f"type {strings(node.domainname)[-1]}", list(calls(node))
    elif kind == "alter_domain_stmt" and node.HasField("def"):
        yield f"type {strings(node.type_name)[-1]}", list(calls(node))
    elif kind == "create_function_stmt":
        defaults = [one.function_parameter.defexpr for one in node.parameters]
        yield f"function {strings(node.funcname)[-1]}", [name for one in defaults for name in calls(one)]


def used(kind: str, node: Any) -> list[str]:
    """Return the objects that a part of a statement uses: an operator, or a type and its cast; empty for other parts.

    Args:
        kind: the name of the part's type.
        node: the part's parse tree.
    """
    if kind == "A_Expr" and node.name:
        return [f"operator {strings(node.name)[-1]}"]
    if kind != "TypeCast":
        return []
    name = strings(node.type_name.names)[-1]
    # A quoted text is read by the type's input function; a value of another type goes through a cast.
    is_text = kind_of(node.arg) == "a_const" and node.arg.a_const.HasField("sval")
    return [f"type {name}"] if is_text else [f"type {name}", f"cast {name}"]


def calls(node: Any) -> Iterator[list[str]]:
    """Return the functions that a tree calls, except those of the objects that it only creates."""
    for name, one in walk(node, frozenset({"CreateFunctionStmt", "ViewStmt", "RuleStmt"})):
        if name == "FuncCall":
            yield strings(one.funcname)


def _named(options: Any, names: frozenset[str]) -> Iterator[list[str]]:
    for one in options:
        value = inner(one.def_elem.arg) if one.def_elem.defname in names else None
        if value is not None and kind_of(one.def_elem.arg) == "type_name":
            yield strings(value.names)
