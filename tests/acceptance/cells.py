"""A plugin of pytest: which cells of the acceptance matrix the marked tests fill, collected or passed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.acceptance.matrix import Shown

ROOT = Path(__file__).parents[2]
PARAMETER = "kind"


class Cells:
    """What a run of pytest has to do with the matrix.

    Attributes:
        collected: what is marked.
        passed: what is marked and passed; a test that is skipped shows nothing.
        known: what is marked and known not to hold, with the reason.
    """

    def __init__(self) -> None:
        self.collected: dict[str, list[Shown]] = {}
        self.passed: list[Shown] = []
        self.known: list[tuple[Shown, str]] = []

    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        for item in items:
            rows = [row for mark in item.iter_markers("shows") for row in _shown(item, mark)]
            known = item.get_closest_marker("xfail")
            if known is None:
                self.collected[item.nodeid] = rows
            else:
                self.known += [(row, str(known.kwargs["reason"])) for row in rows]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.passed += self.collected.get(report.nodeid, [])

    def all_collected(self) -> list[Shown]:
        return [row for rows in self.collected.values() for row in rows]


def _shown(item: pytest.Item, mark: pytest.Mark) -> list[Shown]:
    assert isinstance(item, pytest.Function)
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    named = mark.kwargs.get("of") or [parameters[PARAMETER]]
    test = f"{item.path.relative_to(ROOT)}::{item.originalname}"
    case = item.callspec.id if hasattr(item, "callspec") else ""
    return [Shown(resource, check, test, case) for resource in named for check in mark.args]
