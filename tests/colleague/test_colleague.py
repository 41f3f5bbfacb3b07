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

import pytest

from tests.colleague.acts import ACTS
from tests.colleague.engine import Engine
from tests.colleague.inside import Inside
from tests.colleague.judge import Violation
from tests.colleague.known import KNOWN
from tests.colleague.look import mutations
from tests.colleague.run import Run
from tests.colleague.start import Start
from tests.colleague.steps import Do, Step, program, shrunk
from tests.colleague.wanted import Wanted

PROGRAMS = int(os.environ.get("COLLEAGUE_PROGRAMS", "100"))
FIRST = int(os.environ.get("COLLEAGUE_FIRST", "0"))
IN_A_TEST = 25
ALL = 2000


@pytest.fixture(scope="module")
def met() -> Iterator[collections.Counter[str]]:
    """Count how often each entry of the table of what is known was met; after all programs none may be out of date."""
    found: collections.Counter[str] = collections.Counter()
    yield found
    mended = [name for name in KNOWN if not found[name]]
    assert PROGRAMS < ALL or FIRST or not mended, f"take these out of tests/colleague/known.py: {mended}"


def carried_out(emulator: Inside, start: Start, steps: Sequence[Step]) -> Run:
    emulator.restore(start.documents)
    run = Run(
        emulator,
        Engine(emulator, copy.deepcopy(start.state), dict(start.needs), config={"dataOnDestroy": Wanted().data}),
        known=known_as,
    )
    run.steps(steps)
    return run


def told(seed: int, steps: Sequence[Step], run: Run) -> str:
    lines = [f"seed {seed}: {'; '.join(str(violation) for violation in run.wrong)}"]
    return "\n".join(
        [*lines, *(f"  step {step}" for step in steps), "what happened:", *(f"  {row}" for row in run.told)]
    )


def known_as(violation: Violation) -> str:
    return next((name for name, matches in KNOWN.items() if matches(violation)), "")


def test_each_act_is_accepted_where_there_is_something_to_do_it_to(emulator: Inside, start: Start) -> None:
    accepted = {name for name in ACTS if any(_is_accepted(emulator, start, name, seed) for seed in range(40))}
    # Nothing waits for an approval here: only a stranger's commit does on Railway.
    assert set(ACTS) - accepted == {"deploymentApprove"}


def _is_accepted(emulator: Inside, start: Start, name: str, seed: int) -> bool:
    emulator.restore(start.documents)
    run = Run(emulator, Engine(emulator))
    before = {
        "environmentPatchCommitStaged": "environmentStageChanges",
        "projectTokenDelete": "projectTokenCreate",
        "projectScheduleDeleteCancel": "projectScheduleDelete",
        "serviceDomainCreate": "serviceCreate",
    }.get(name)
    if before:
        run._act(Step(Do.ACT, seed, before))
    run._act(Step(Do.ACT, seed, name))
    return bool(run.told) and "REFUSED" not in run.told[-1] and run.told[-1].startswith(f"colleague: {name} ")


def test_the_colleague_can_do_whatever_railway_lets_anybody_do() -> None:
    assert sorted(ACTS) == mutations()


@pytest.mark.parametrize("first", range(FIRST, FIRST + PROGRAMS, IN_A_TEST))
def test_a_colleague_beside_us_loses_nothing_and_we_overwrite_nothing_unseen(
    emulator: Inside, start: Start, met: collections.Counter[str], first: int
) -> None:
    assert first < FIRST + PROGRAMS
    for seed in range(first, min(first + IN_A_TEST, FIRST + PROGRAMS)):
        steps = program(seed)
        run = carried_out(emulator, start, steps)
        met.update(known_as(violation) for violation in (*run.passed, *run.wrong[:1]))
        if not run.wrong or known_as(run.wrong[0]):
            continue
        small = smallest(emulator, start, steps, run.wrong[0])
        pytest.fail(told(seed, small, carried_out(emulator, start, small)))


def smallest(emulator: Inside, start: Start, steps: Sequence[Step], violation: Violation) -> list[Step]:
    """Return the steps that are needed for a violation of the same kind."""

    def fails(fewer: Sequence[Step]) -> bool:
        found = carried_out(emulator, start, fewer).wrong
        return bool(found) and found[0].kind == violation.kind

    return shrunk(steps, fails)
