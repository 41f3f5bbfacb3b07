"""A test that asserts only inside loops must first assert that a loop is not empty; otherwise it may never fail."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.structure.sources import Module, module, modules

THROUGH = {"enumerate", "sorted", "reversed", "list", "tuple", "set", "zip", "product", "permutations", "combinations"}
"""Calls whose result is empty only if an argument is."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


def constants(tree: ast.Module) -> set[str]:
    """Return the names of a module whose values are literals that are not empty."""
    found = set[str]()
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and is_full(node.value, found):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {one.id for one in targets if isinstance(one, ast.Name)}
    return found


def is_full(node: ast.expr, known: set[str]) -> bool:
    """Tell whether an expression is certainly not empty, as far as its own file shows."""
    match node:
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return any(not isinstance(one, ast.Starred) or is_full(one.value, known) for one in parts)
        case ast.Dict(keys=keys):
            return any(key is not None for key in keys)
        case ast.Constant(value=str() | bytes() | int() as value):
            return bool(value)
        case ast.Name(id=name):
            return name in known
        case ast.BinOp(left=left, right=right, op=ast.Add() | ast.BitOr()):
            return is_full(left, known) or is_full(right, known)
        case ast.Call(func=ast.Name(id="range"), args=[last] | [ast.Constant(value=0), last]):
            return is_full(last, known)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args) if name in THROUGH and args:
            return all(is_full(one, known) for one in args)
        case ast.Call(func=ast.Attribute(value=whole, attr="items" | "values" | "keys")):
            return is_full(whole, known)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str() as text), attr="split")):
            return bool(text.strip())
    return False


def asserts(node: ast.AST) -> bool:
    """Tell whether a node is an assertion: `assert`, `pytest.raises`, or the call of a function that asserts."""
    match node:
        case ast.Assert():
            return True
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in {"raises", "fail", "warns"} or name.startswith(("assert_", "expect_", "check_"))
    return False


def only_in_loops(function: Function, known: set[str]) -> bool:
    """Tell whether a test has assertions, all of which are in loops that may be empty."""
    found = list[bool]()

    def look(node: ast.AST, known: set[str], *, maybe: bool) -> None:
        if asserts(node):
            found.append(maybe)
        if isinstance(node, ast.For | ast.AsyncFor):
            inside = maybe or not is_full(node.iter, known)
            for one in node.body:
                look(one, known, maybe=inside)
            return
        for one in ast.iter_child_nodes(node):
            look(one, known, maybe=maybe)

    own = known | {
        one.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and is_full(node.value, known)
        for one in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(one, ast.Name)
    }
    for node in function.body:
        look(node, own, maybe=False)
    return bool(found) and all(found)


def draws(function: Function) -> bool:
    """Tell whether Hypothesis calls a test with many values, of which some may be empty."""
    calls = (one for one in function.decorator_list if isinstance(one, ast.Call))
    return any(isinstance(one.func, ast.Name) and one.func.id == "given" for one in calls)


def findings(one: Module) -> Iterator[str]:
    known = constants(one.tree)
    for node in ast.walk(one.tree):
        if (
            isinstance(node, Function)
            and node.name.startswith("test_")
            and not draws(node)
            and only_in_loops(node, known)
        ):
            yield f"{one.name}:{node.lineno}: {node.name}"


def test_no_test_asserts_only_in_loops_that_may_be_empty() -> None:
    tests = [one for one in modules() if one.name.rpartition("/")[2].startswith("test_")]
    assert len(tests) > 200
    assert [found for one in tests for found in findings(one)] == []


@pytest.mark.parametrize(
    "body",
    [
        "for one in found():\n        assert one",
        "for one in rows:\n        with pytest.raises(ValueError): one()",
        "for a in (1, 2):\n        for b in other(a):\n            assert b",
        "rows = []\n    for one in rows:\n        assert one",
        "for one in (*rows,):\n        assert one",
        "for n in range(len(rows)):\n        assert n",
        "for n in range(0):\n        assert n",
        "for n in range(5, 5):\n        assert n",
    ],
)
def test_a_loop_that_may_be_empty_is_found(body: str) -> None:
    assert list(findings(module("test_a.py", f"def test_x(rows):\n    {body}\n"))) == ["test_a.py:1: test_x"]


@pytest.mark.parametrize(
    "body",
    [
        "assert rows\n    for one in rows:\n        assert one",
        "for one in (1, 2):\n        assert one",
        "for one in KNOWN:\n        assert one",
        "for key, value in {'a': 1}.items():\n        assert value",
        "for n in range(3):\n        assert n",
        "for n in range(0, COUNT):\n        assert n",
        "for n, one in enumerate(KNOWN):\n        assert one",
        "for one in rows:\n        use(one)",
    ],
)
def test_a_loop_that_is_certainly_not_empty_is_accepted(body: str) -> None:
    assert list(findings(module("test_a.py", f"KNOWN = [1]\nCOUNT = 2\ndef test_x(rows):\n    {body}\n"))) == []
