"""docs/examples/redis_beside_pool with the real CLI: a fourth service in an environment of another stack."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.emulator.fix_emulator import Emulator, running_emulator
from tests.fleet.project import ROOT, Project
from tests.upgrade import world

pytestmark = pytest.mark.stack
EXAMPLE = ROOT / "docs" / "examples" / "redis_beside_pool"


class Example(Project):
    """A project with the example's files, which runs with the Python of these tests."""

    def __post_init__(self) -> None:
        super().__post_init__()
        shutil.copy(EXAMPLE / "__main__.py", self.program)
        description = (EXAMPLE / "Pulumi.yaml").read_text()
        (self.program / "Pulumi.yaml").write_text(description.replace("    virtualenv: ../../../.venv\n", ""))

    def set(self, key: str, value: str) -> None:
        self.run("config", "set", key, value, "--stack", self.stack)


def services(emulator: Emulator, environment: str) -> dict[str, dict[str, Any]]:
    """Return the configs of an environment's services, by name."""
    world = json.loads(emulator.snapshot(environment))
    names = {row["id"]: row["name"] for row in world["service"]}
    return {names[id_]: row for id_, row in world["config"]["services"].items() if id_ in names}


def test_the_example_is_the_whole_program_of_a_fourth_service_in_under_40_lines() -> None:
    lines = (EXAMPLE / "__main__.py").read_text().splitlines()
    assert "RailwayService(" in "".join(lines)
    assert len(lines) < 40


def test_redis_is_added_to_an_environment_and_removed_again(tmp_path: Path) -> None:
    with running_emulator(tmp_path) as emulator:
        roles = world.make(emulator)
        before = services(emulator, roles["environment"])
        project = Example(tmp_path / "stack", emulator.endpoint, emulator.token)
        project.init()
        project.set("projectId", roles["project"])
        project.set("environmentId", roles["environment"])
        emulator.forget_calls()
        project.preview()
        assert [call for call in emulator.calls() if call["type"] == "mutation"] == []
        project.up()
        assert sum(len(call["deployments"]) for call in emulator.calls()) == 1

        after = services(emulator, roles["environment"])
        assert set(after) == {*before, "redis"}
        assert {name: after[name] for name in before} == before
        redis = after["redis"]
        assert [mount["mountPath"] for mount in redis["volumeMounts"].values()] == ["/data"]
        password = redis["variables"]["REDIS_PASSWORD"]["value"]
        assert len(password) == 32
        assert password not in json.dumps(project.exported())
        assert redis["variables"]["REDIS_URL"]["value"].startswith("redis://default:${{REDIS_PASSWORD}}@")

        emulator.forget_calls()
        project.preview("--expect-no-changes")
        assert emulator.calls() == []
        project.destroy()
        assert services(emulator, roles["environment"]) == before
