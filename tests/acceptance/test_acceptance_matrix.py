"""The page of the acceptance matrix names the tests that there are, and no cell is empty without a reason."""

from __future__ import annotations

import subprocess
import sys

from tests.acceptance.cells import ROOT
from tests.acceptance.matrix import CHECKS, NOT_HERE, Shown, gaps, kinds, page


def everything() -> list[Shown]:
    cells = [(kind, check) for kind in kinds() for check in CHECKS if (kind, check) not in NOT_HERE]
    return [Shown(kind, check, "tests/x.py::test_x", str(case)) for kind, check in cells for case in range(2)]


def test_the_page_is_what_the_marked_tests_fill() -> None:
    argv = [sys.executable, "-m", "tests.acceptance", "--check"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_every_resource_of_the_provider_has_a_row() -> None:
    assert {"Project", "Environment", "Service", "ServiceInstance", "Volume", "Deployment"} <= set(kinds())
    for kind in kinds():
        assert f"| {kind} | t1 x2 |" in page(everything())


def test_a_cell_without_a_test_or_with_one_too_many_is_told() -> None:
    assert list(gaps(everything())) == []
    left = [row for row in everything() if (row.resource, row.check) != ("Volume", "adopt")]
    assert list(gaps(left)) == ["Volume: no test shows 'adopt'"]
    assert "**missing**" in page(left)
    more = [*everything(), Shown("Project", "parent disappears", "t", ""), Shown("Ghost", "basic", "t", "")]
    assert list(gaps(more)) == [
        "Project: 'parent disappears' is filled, and has a reason why it is not",
        "Ghost: 'basic' is no cell",
    ]
