"""No module above 300 lines, no function above 60."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

import pytest

from tests.structure.sources import Module, module, modules

LONGEST_MODULE, LONGEST_FUNCTION = 300, 60


def too_long(found: Iterable[Module]) -> dict[str, int]:
    return {one.name: one.lines for one in found if one.lines > LONGEST_MODULE}


def long_functions(found: Iterable[Module]) -> Iterator[str]:
    for one in found:
        for node in ast.walk(one.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    yield f"{one.name}: {node.name} has {lines} lines"


def test_no_module_is_too_long() -> None:
    assert len(modules()) > 500
    assert too_long(modules()) == {}


def test_no_function_is_too_long() -> None:
    assert list(long_functions(modules())) == []


@pytest.mark.parametrize(("lines", "found"), [(300, {}), (301, {"a.py": 301})])
def test_lines_of_a_module_are_counted(lines: int, found: dict[str, int]) -> None:
    assert too_long([module("a.py", "x = 1\n" * lines)]) == found


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_lines_of_a_function_are_counted(kind: str) -> None:
    text = "class A:\n" + "".join(f"    {kind} f{n}(self):\n" + "        pass\n" * (n - 1) for n in (60, 61))
    assert list(long_functions([module("a.py", text)])) == ["a.py: f61 has 61 lines"]
