"""What the preview announced is what the update did: random edits through the real CLI, counted by the emulator."""

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
"""`EDITS=50` is the long run; a seed that fails is given again as `EDITS_SEED`."""


def test_what_the_preview_announced_is_what_the_update_did_over_seeded_edits(tmp_path: Path) -> None:
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
            # Services share patches: how many, depends on which of them wait at the same moment.
            assert did[1] == promise.deployments, f"{where}: {did} of {promise}"
            assert bool(promise.mutations) <= did[0] <= promise.mutations, f"{where}: {did} of {promise}"
            print(f"{where}: {did[0]} mutations, {did[1]} deployments")
            sums = [sums[0] + did[0], sums[1] + did[1]]
        project.preview("--expect-no-changes")
    print(f"{EDITS} edits: {sums[0]} mutations and {sums[1]} deployments, as announced")
    assert min(sums) > 0
