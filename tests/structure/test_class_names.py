"""One name, one class: no two classes of one program have the same name."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable

import pytest

from tests.structure.sources import GRAPHS, Module, module, modules


def twice(found: Iterable[Module]) -> dict[str, list[str]]:
    """Return the names of several classes; names that begin with _ are private to a module and do not count."""
    where: dict[str, list[str]] = defaultdict(list)
    for one in found:
        for node in ast.walk(one.tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where[node.name].append(one.name)
    return {name: places for name, places in where.items() if len(places) > 1}


@pytest.mark.parametrize("graph", GRAPHS)
def test_no_two_classes_have_one_name(graph: str) -> None:
    found = [one for one in modules() if one.of(GRAPHS[graph])]
    assert found
    assert twice(found) == {}


def test_two_classes_of_one_name_are_found() -> None:
    one = module("a.py", "class Plan: ...\nclass _Page: ...\nclass Rows: ...")
    other = module("b.py", "def f():\n    class Plan: ...\nclass _Page: ...")
    assert twice([one, other]) == {"Plan": ["a.py", "b.py"]}
