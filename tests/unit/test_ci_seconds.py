"""What is kept of a run of `.ci/run`: the seconds of each of its steps, once for a commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.benchmarks.ci import kept, rows

CHECKOUT = Path(__file__).parents[2]


def printed(times: str, code: int) -> str:
    """Return the last line of `.ci/run`, as its own printf prints it."""
    (line,) = [line.strip() for line in (CHECKOUT / ".ci/run").read_text().splitlines() if "all %d s" in line]
    script = f'times="{times}"; code={code}; SECONDS=9; began=0; {line}'
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def test_each_step_of_a_run_is_a_row() -> None:
    found = rows(printed(" venv 5 s, tests 4 s,", 0), "abc")
    assert [(row["case"], row["seconds"]) for row in found] == [("venv", 5), ("tests", 4), ("all", 9)]
    assert {(row["suite"], row["size"]) for row in found} == {("ci", "abc")}


@pytest.mark.parametrize("line", ["", "10 passed", printed(" venv 5 s,", 1)])
def test_a_run_that_did_not_pass_is_not_kept(line: str) -> None:
    with pytest.raises(ValueError, match="the last line is not"):
        rows(line, "abc")


def test_a_second_run_of_a_commit_takes_the_place_of_its_first() -> None:
    other = {"suite": "railway", "case": "create", "size": 1}
    known = [other, *rows("== passed: a 1 s, b 1 s, all 2 s", "one"), *rows("== passed: a 1 s, all 1 s", "two")]
    new = rows("== passed: a 7 s, all 7 s", "one")
    assert kept(known, new) == [other, *rows("== passed: a 1 s, all 1 s", "two"), *new]
