"""The picture in docs/architecture.md and import-linter's contracts agree about every pair of packages."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.structure.sources import CHECKOUT

LINTER = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]
PARTS = frozenset(LINTER["root_packages"])
PICTURE = re.findall(r"```mermaid\n(.+?)```", (CHECKOUT / "docs" / "architecture.md").read_text(), re.DOTALL)[0]
Arrows = frozenset[tuple[str, str]]


def drawn(picture: str) -> Arrows:
    """Return the arrows without labels between packages of the repository, by the packages' names."""
    inside = picture.partition("subgraph")[2].partition("    end\n")[0]
    names = {node: path.split("/")[-1] for node, path in re.findall(r"(\w+)\[\"([\w/.]+)", inside)}
    lines = [re.split(r"\s+-->\s+", line.strip()) for line in picture.splitlines() if re.search(r"\w\s+-->\s+\w", line)]
    pairs = (pair for line in lines for pair in itertools.pairwise(line))
    return frozenset((names[one], names[other]) for one, other in pairs if one in names and other in names)


def reached(arrows: Arrows) -> Arrows:
    """Return all pairs in which the first may import the second, directly or through other packages."""
    found = set(arrows)
    while more := {(a, d) for a, b in found for c, d in found if b == c} - found:
        found |= more
    return frozenset(found)


def forbidden(contracts: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of packages in which the first must not import the second."""
    for contract in contracts:
        if contract["type"] == "layers":
            yield from ((low, high) for high, low in itertools.combinations(contract["layers"], 2))
        elif contract["type"] == "forbidden":
            yield from itertools.product(contract["source_modules"], contract["forbidden_modules"])
        else:
            yield from itertools.permutations(contract["modules"], 2)


def differences(picture: str, contracts: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the pairs of packages about which picture and contracts disagree."""
    may, must_not = reached(drawn(picture)), set(forbidden(contracts))
    return sorted(pair for pair in itertools.permutations(PARTS, 2) if (pair in may) is (pair in must_not))


def test_the_picture_draws_every_part_and_no_circle() -> None:
    arrows = drawn(PICTURE)
    assert {name for pair in arrows for name in pair} >= PARTS
    assert [pair for pair in reached(arrows) if pair[0] == pair[1]] == []


def test_the_contracts_forbid_what_the_picture_does_not_draw_and_nothing_else() -> None:
    assert differences(PICTURE, LINTER["contracts"]) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("stack --> components", "stack"),
        ("    ops --> emulator\n", ""),
        ("    pool --> contract\n", ""),
        ("    pool --> contract\n", "    pool --> contract\n    emulator --> api\n"),
        ("    pool --> contract\n", "    pool --> contract\n    contract --> api\n"),
    ],
)
def test_a_missing_or_an_additional_arrow_is_found(old: str, new: str) -> None:
    assert PICTURE.count(old) == 1
    assert differences(PICTURE.replace(old, new), LINTER["contracts"]) != []


def test_a_missing_contract_is_found() -> None:
    assert LINTER["contracts"]
    own = [one for one in LINTER["contracts"] if set(one.get("layers", one.get("source_modules", []))) & PARTS]
    assert len(own) > 4
    for one in own:
        assert differences(PICTURE, [other for other in LINTER["contracts"] if other is not one]) != [], one["name"]
