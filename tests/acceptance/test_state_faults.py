"""Each fault between a state and reality has its tests, by its name."""

from __future__ import annotations

import re

import pytest

from tests.acceptance.cells import ROOT
from tests.acceptance.state_faults import FAULTS, of


def test_there_are_fifteen() -> None:
    assert list(FAULTS) == [f"S{number}" for number in range(1, 16)]


@pytest.mark.parametrize("name", FAULTS)
def test_the_tests_of_an_entry_exist_and_are_selected_by_its_name(name: str) -> None:
    assert FAULTS[name].tests
    for test in FAULTS[name].tests:
        file, _, function = test.partition("[")[0].partition("::")
        assert re.search(rf"^def {function}\(", (ROOT / file).read_text(), re.MULTILINE), test
        assert name in of(test)
