"""docs/preview.md counts lines: those of its own examples are counted here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "preview.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^### ([^\n]+)\n+```diff\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
ROWS = {
    cells[0]: cells[1:]
    for line in PAGE.splitlines()
    if line.startswith("| ") and len(cells := [one.strip() for one in line.strip("|").split("|")]) == 5
}
CHANGES = ("New image", "Rollback", "New key", "New migration", "New service")


def lines_until_the_last_deployment(text: str) -> int:
    """Return in which line the last service stands that is deployed; the first line says it if there is none."""
    lines = text.splitlines()
    return max(
        [1, *(number for number, line in enumerate(lines, start=1) if re.search(r": (new, )?1 deployment:", line))]
    )


@pytest.mark.parametrize("change", CHANGES)
def test_the_lines_of_an_example_are_those_of_the_table_and_the_fewest(change: str) -> None:
    ours, *others = ROWS[change]
    assert int(ours) == lines_until_the_last_deployment(EXAMPLES[change])
    assert [int(ours) < int(one) for one in others if one.isdigit()] == [True] * sum(map(str.isdigit, others))
    announced = int(re.match(r"local: (\d+) deployment", EXAMPLES[change])[1])  # type: ignore[index]
    assert EXAMPLES[change].count("1 deployment:") == announced


def test_there_is_an_example_of_each_change() -> None:
    assert tuple(EXAMPLES) == CHANGES
