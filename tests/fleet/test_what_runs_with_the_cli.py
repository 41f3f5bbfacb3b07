"""Changes by others, with the real CLI: refresh shows them, and the update does exactly what its preview announced."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.emulator.fix_emulator import Emulator, running_emulator
from tests.fleet.announcement import announced
from tests.fleet.project import Project, fleet, service
from tests.railway.scene import Scene
from tests.railway.small_stack import environment_as_wanted
from tests.railway.states import STATES, State

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.stack
CHOSEN = ("crashed", "removed", "ours and theirs stored only", "proxy gone")


def spec() -> dict[str, object]:
    web = service("web", variables=0, volume="/data", proxy=5432, domain=True)
    return fleet([{**web, "variables": {"A": "1", "R": "${{db.V0}}"}}, service("db", variables=1)])


def scene_of(emulator: Emulator, project: Project) -> Scene:
    resources = project.exported()["deployment"]["resources"]
    ids = {row["type"].rpartition(":")[2]: row.get("id") for row in resources}
    return Scene(emulator, ids["Project"], ids["Environment"], "web", "db")


def test_refresh_preview_and_update_of_the_cli_agree_with_the_environment(tmp_path: Path) -> None:
    states = [state for state in STATES if state.name in CHOSEN]
    assert len(states) == len(CHOSEN)
    with running_emulator(tmp_path, deploy_step_seconds=0) as emulator:
        project = Project(tmp_path / "stack", emulator.endpoint, emulator.token)
        project.init()
        project.describe(spec())
        project.up()
        scene = scene_of(emulator, project)
        wanted = environment_as_wanted(scene)
        for state in states:
            repaired(project, scene, state)
            after = environment_as_wanted(scene)
            after["web"]["variables"].pop("THEIRS", None)
            assert after == wanted, state.name


def repaired(project: Project, scene: Scene, state: State) -> None:
    """Put the environment into a state, and check that an update repairs it as the table says."""
    state.make(scene)
    # Without a refresh, the preview does not know of the change.
    project.preview("--expect-no-changes")
    shown = project.refresh("--diff").text
    assert "~ pulumi-python" in shown or "- pulumi-python" in shown, shown
    promise = announced(project.run("preview", "--stack", project.stack, "--json").text)
    assert promise.deployments == state.deployments, f"{state.name}: {promise.said}"
    scene.emulator.forget_calls()
    text = project.up().text
    made = sum(len(call["deployments"]) for call in scene.emulator.calls())
    assert made == state.deployments, f"{state.name}: {text}"
    scene.emulator.forget_calls()
    project.preview("--expect-no-changes")
    assert scene.emulator.calls() == []


def test_a_deleted_volume_stops_the_preview_until_it_is_restored_or_its_loss_is_confirmed(tmp_path: Path) -> None:
    with running_emulator(tmp_path, deploy_step_seconds=0, volume_create_deploys=True) as emulator:
        project = Project(tmp_path / "stack", emulator.endpoint, emulator.token)
        project.init()
        wanted = spec()
        project.describe(wanted)
        project.up()
        scene = scene_of(emulator, project)
        (state,) = (state for state in STATES if state.name == "volume pending deletion")
        state.make(scene)
        assert "its data can be restored for 47 more hours" in project.refresh().text
        for ran in (project.preview(check=False), project.up(check=False)):
            assert ran.code != 0
            assert "use the link in Railway's e-mail" in ran.text
            assert "Traceback" not in ran.text
        truth = scene.truth()
        assert [row["deletedAt"] is None for row in truth["volume_instance"]] == [False], "no empty one was made"
        confirmed = json.loads(json.dumps(wanted))
        confirmed["services"][0]["replaceDeleted"] = True
        project.describe(confirmed)
        assert announced(project.run("preview", "--stack", project.stack, "--json").text).deployments == 1
        emulator.forget_calls()
        project.up()
        # Whether Railway deploys a running service for a new volume is disputed (fact: volume-create-deploys).
        assert sum(len(call["deployments"]) for call in emulator.calls()) == 1
        project.describe(wanted)
        project.preview("--expect-no-changes")
        assert len(environment_as_wanted(scene)["web"]["volumes"]) == 1
