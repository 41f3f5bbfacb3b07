"""A seeded sample of `make faults`: one case of each mode, and the proof that the look at the end can fail."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.emulator.fix_emulator import running_emulator
from tests.faults.case import FIRST, Case, Operation, Starts, run_case
from tests.faults.proxy import Fault, Mode
from tests.faults.things import difference, found, wanted

if TYPE_CHECKING:
    from pathlib import Path

SEED = 20
REQUESTS = {Operation.CREATE: 25, Operation.UPDATE: 6, Operation.DESTROY: 15}
"""At least so many each operation sends; `make faults` counts them itself."""


def sample() -> list[Case]:
    """One case of each mode, each operation at least once."""
    chosen = random.Random(SEED)
    operations = [*Operation, *chosen.sample(list(Operation), 2)]
    chosen.shuffle(operations)
    pairs = zip(operations, Mode, strict=True)
    return [Case(operation, Fault(chosen.randint(1, REQUESTS[operation]), mode)) for operation, mode in pairs]


@pytest.mark.stack
@pytest.mark.parametrize("case", sample(), ids=str)
def test_a_fault_at_any_request_leaves_exactly_the_wanted_state_after_the_next_run(starts: Starts, case: Case) -> None:
    outcome = run_case(starts, case)
    assert outcome.problems == [], outcome.hit
    assert outcome.hit, "every operation sends at least as many requests"


@pytest.mark.stack
def test_a_create_without_faults_ends_in_exactly_the_wanted_state(starts: Starts) -> None:
    assert starts.created.problems == []
    assert starts.created.deployments == 1


def test_whatever_is_there_too_often_or_not_wanted_or_missing_is_told(tmp_path: Path) -> None:
    twice = "mutation p($n: String!) { projectCreate(input: {name: $n}) { id } }"
    stray = 'mutation v($p: String!) { volumeCreate(input: {projectId: $p, mountPath: "/stray"}) { id } }'
    with running_emulator(tmp_path, deploy_step_seconds=0) as emulator:
        emulator.run(twice, n="fleet")
        project = emulator.run(twice, n="fleet")["projectCreate"]["id"]
        emulator.run(stray, p=project)
        left = difference(found(emulator), wanted(FIRST))
    assert "project fleet" in left.duplicates
    assert any(subject.startswith("volume ") for subject in left.orphans)
    assert "service fleet/web" in left.missing
