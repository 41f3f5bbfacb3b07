"""Two stacks in one project, with the real CLI: destroying one does not change the other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.fix_emulator import Emulator, running_emulator
from tests.fleet.project import Project, fleet, service

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.stack
ROW = service("web", volume="/data", domain=True, proxy=5432)


def brought_up(folder: Path, emulator: Emulator, environment: str) -> tuple[Project, str]:
    """Bring a stack up in the shared project; return it and its environment's id."""
    project = Project(folder, emulator.endpoint, emulator.token, stack=environment)
    project.init()
    project.describe({**fleet([ROW], environment=environment), "shared": {"WHO": environment}})
    project.up()
    rows = project.exported()["deployment"]["resources"]
    return project, next(row["id"] for row in rows if row["type"].endswith(":Environment"))


def of_its_own(emulator: Emulator, environment_id: str) -> dict[str, Any]:
    """Return an environment's snapshot, with only the services that have an instance in it."""
    found: dict[str, Any] = json.loads(emulator.snapshot(environment_id))
    mine = found["config"]["services"]
    found["service"] = [row for row in found["service"] if row["id"] in mine]
    return found


@pytest.mark.shows("destroy", of=["Environment"])
def test_destroying_one_stack_leaves_the_other_byte_for_byte(tmp_path: Path) -> None:
    with running_emulator(tmp_path) as emulator:
        first, first_id = brought_up(tmp_path / "first", emulator, "first")
        second, second_id = brought_up(tmp_path / "second", emulator, "second")
        before = of_its_own(emulator, second_id)
        assert before["service"]
        assert before["deployment"]
        assert before["volume_instance"]

        first.destroy()

        assert of_its_own(emulator, second_id) == before
        overview = emulator.admin("GET", "/snapshot")["projects"]
        environments = [row["id"] for project in overview for row in project["environments"]]
        assert first_id not in environments
        assert second_id in environments
        emulator.forget_calls()
        second.refresh("--expect-no-changes")
        assert [call for call in emulator.calls() if call["type"] == "mutation"] == []
