"""Each known fault has its tests, by its name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.acceptance.cells import ROOT
from tests.acceptance.fault import Fault, of
from tests.acceptance.known_faults import FAULTS, names_of


def missing(fault: Fault, root: Path = ROOT) -> list[str]:
    """Return the tests of a fault that are not there."""
    found = []
    for test in fault.tests:
        file, _, function = test.partition("[")[0].partition("::")
        text = (root / file).read_text() if (root / file).is_file() else ""
        if not re.search(rf"^def {function}\(", text, re.MULTILINE):
            found.append(test)
    return found


@pytest.mark.parametrize(("letter", "last"), [("S", 15), ("R", 18), ("E", 11), ("M", 11)])
def test_every_entry_is_there(letter: str, last: int) -> None:
    assert [name for name in FAULTS if name[0] == letter] == [f"{letter}{number}" for number in range(1, last + 1)]


@pytest.mark.parametrize("name", FAULTS)
def test_the_tests_of_an_entry_exist_and_are_selected_by_its_name(name: str) -> None:
    assert FAULTS[name].tests
    assert missing(FAULTS[name]) == []
    assert all(name in names_of(test) for test in FAULTS[name].tests)


def test_a_test_that_was_renamed_or_removed_is_missed(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "x.py").write_text("def test_a() -> None: ...\n\ndef test_ab() -> None: ...\n")
    fault = Fault("x", (*of("x", "a", "b"), *of("y", "a")))
    assert missing(fault, tmp_path) == ["tests/x.py::test_b", "tests/y.py::test_a"]
