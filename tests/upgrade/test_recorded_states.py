"""A state of an old release, with today's code and the real CLI: no diff, an update, the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.emulator.fix_emulator import running_emulator
from tests.fleet.project import OTHER_IMAGE, Project
from tests.upgrade import world

pytestmark = pytest.mark.stack
RELEASES = sorted(file.parent for file in (Path(__file__).parent / "data").glob("*/stack.json"))
RECORDED = sorted(
    {
        str(row["type"]).rpartition(":")[2]
        for release in RELEASES
        for row in json.loads((release / "stack.json").read_text())["deployment"]["resources"]
        if "dynamic/railway:" in row["type"]
    }
)
"""The kinds of resources that the recorded states have."""


@pytest.mark.shows("upgrade", of=RECORDED)
@pytest.mark.shows("destroy", of=["Project"])
@pytest.mark.parametrize("release", RELEASES, ids=lambda folder: folder.name)
def test_a_state_of_an_old_release_previews_empty_is_updated_and_destroyed(tmp_path: Path, release: Path) -> None:
    with running_emulator(tmp_path) as emulator:
        roles = world.make(emulator)
        recorded = world.read(release)
        assert "canary-of-the-upgrade" not in recorded.state, "a secret in a recorded state"
        project = Project(tmp_path / "stack", emulator.endpoint, emulator.token)
        project.init()
        state = tmp_path / "stack.json"
        state.write_text(recorded.in_world(roles))
        project.run("stack", "import", "--stack", project.stack, "--file", str(state))
        spec = world.recorded_spec()
        project.describe(spec)
        emulator.forget_calls()

        project.preview("--expect-no-changes")
        assert emulator.calls() == [], "an empty preview asks Railway nothing"
        project.run("preview", "--stack", project.stack, "--refresh", "--expect-no-changes")

        spec["services"][0]["image"] = OTHER_IMAGE
        project.describe(spec)
        emulator.forget_calls()
        project.up()
        calls = emulator.calls()
        assert [call["operation"] for call in calls if call["type"] == "mutation"] == ["environmentPatchCommit"]
        assert sum(len(call["deployments"]) for call in calls) == 1
        live = json.loads(emulator.snapshot(roles["environment"]))
        assert OTHER_IMAGE in json.dumps(live["config"])

        project.destroy()
        left = emulator.admin("GET", "/snapshot")["projects"]
        assert [row for row in left if row["id"] == roles["project"]] == []
