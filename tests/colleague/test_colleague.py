"""A colleague works beside the stack with Railway's CLI and dashboard; nothing is lost, nothing overwritten unseen.

Each program is a seed: updates, edits, kills, faults, and every mutation that Railway has, at every moment. CI runs a
fixed sample; `COLLEAGUE_PROGRAMS=2000` runs all, `COLLEAGUE_FIRST=n` begins at another seed. A failure prints its seed
and the steps that are needed for it.
"""

from __future__ import annotations

import collections
import copy
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.colleague.acts import ACTS, mutations
from tests.colleague.engine import Engine
from tests.colleague.inside import Inside, emulator_inside
from tests.colleague.judge import Violation
from tests.colleague.known import KNOWN
from tests.colleague.run import Run, Start
from tests.colleague.steps import Step, program, shrunk
from tests.colleague.wanted import Wanted

PROGRAMS = int(os.environ.get("COLLEAGUE_PROGRAMS", "100"))
FIRST = int(os.environ.get("COLLEAGUE_FIRST", "0"))
IN_A_TEST = 25


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with emulator_inside(tmp_path_factory.mktemp("colleague")) as inside:
        yield inside


@pytest.fixture(scope="module")
def start(emulator: Inside) -> Start:
    engine = Engine(emulator)
    engine.update(Wanted().specs())
    return Start(emulator.documents(), engine.state, engine.needs)


def carried_out(emulator: Inside, start: Start, steps: Sequence[Step]) -> Run:
    emulator.restore(start.documents)
    run = Run(emulator, Engine(emulator, copy.deepcopy(start.state), dict(start.needs)))
    run.steps(steps)
    return run


def told(seed: int, steps: Sequence[Step], run: Run) -> str:
    lines = [f"seed {seed}: {'; '.join(str(violation) for violation in run.wrong)}"]
    return "\n".join([*lines, *(f"  step {step}" for step in steps), "what happened:", *(f"  {row}" for row in run.told)])


def known_as(violation: Violation) -> str:
    return next((name for name, matches in KNOWN.items() if matches(violation)), "")


def test_the_colleague_can_do_whatever_railway_lets_anybody_do() -> None:
    assert sorted(ACTS) == mutations()


@pytest.mark.parametrize("first", range(FIRST, FIRST + PROGRAMS, IN_A_TEST))
def test_a_colleague_beside_us_loses_nothing_and_we_overwrite_nothing_unseen(
    emulator: Inside, start: Start, first: int
) -> None:
    for seed in range(first, min(first + IN_A_TEST, FIRST + PROGRAMS)):
        steps = program(seed)
        run = carried_out(emulator, start, steps)
        if not run.wrong or known_as(run.wrong[0]):
            continue
        kind = run.wrong[0].rule
        small = shrunk(
            steps, lambda fewer: any(row.rule is kind for row in carried_out(emulator, start, fewer).wrong[:1])
        )
        pytest.fail(told(seed, small, carried_out(emulator, start, small)))
