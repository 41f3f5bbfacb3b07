"""An update does what its preview announced: random edits with the real CLI, counted by the emulator."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from tests.emulator.fix_emulator import running_emulator
from tests.fleet.announcement import announced
from tests.fleet.edits import edited
from tests.fleet.project import Project, fleet, service

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.stack
SEED = int(os.environ.get("EDITS_SEED", "11"))
EDITS = int(os.environ.get("EDITS", "6"))
"""`EDITS=50` is the long run; to repeat a seed that failed, set `EDITS_SEED`."""


def test_an_update_does_what_its_preview_announced_over_random_edits(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    sums = [0, 0]
    with running_emulator(tmp_path) as emulator:
        project = Project(tmp_path / "stack", emulator.endpoint, emulator.token)
        project.init()
        spec = {**fleet([service("s0", variables=2), service("s1", variables=2)]), "shared": {"S": "1"}}
        project.describe(spec)
        project.up()
        for number in range(EDITS):
            spec = edited(rng, spec)
            project.describe(spec)
            emulator.forget_calls()
            preview = project.run("preview", "--stack", project.stack, "--json").text
            assert [call["operation"] for call in emulator.calls() if call["type"] == "mutation"] == []
            promise = announced(preview)
            emulator.forget_calls()
            project.up()
            calls = emulator.calls()
            did = (
                sum(call["type"] == "mutation" for call in calls),
                sum(len(call["deployments"]) for call in calls),
            )
            where = f"EDITS_SEED={SEED}, edit {number}: {promise.said}"
            # Services share patches; how many patches there are depends on which services are ready together.
            assert did[1] == promise.deployments, f"{where}: {did} of {promise}"
            assert bool(promise.mutations) <= did[0] <= promise.mutations, f"{where}: {did} of {promise}"
            print(f"{where}: {did[0]} mutations, {did[1]} deployments")
            sums = [sums[0] + did[0], sums[1] + did[1]]
        project.preview("--expect-no-changes")
    print(f"{EDITS} edits: {sums[0]} mutations and {sums[1]} deployments, as announced")
    assert min(sums) > 0
