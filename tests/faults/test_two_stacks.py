"""Two stacks in one Railway project, one environment each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.fix_emulator import Emulator, running_emulator
from tests.fleet.project import Project, Spec, fleet, service

if TYPE_CHECKING:
    from pathlib import Path

ROW: dict[str, Any] = service("web", variables=2, volume="/data", domain=True, proxy=5432)


def spec(environment: str) -> Spec:
    """Return one service with everything beside it, and shared variables."""
    return {**fleet([ROW], environment=environment), "shared": {"REGION": environment}}


def environments(emulator: Emulator) -> dict[str, str]:
    """Return the ids of the environments of the one project by their names."""
    (project,) = emulator.admin("GET", "/snapshot")["projects"]
    return {row["name"]: row["id"] for row in project["environments"]}


@pytest.mark.stack
@pytest.mark.parametrize("first", ["maker", "guest"])
def test_destroying_one_of_two_stacks_in_a_project_leaves_the_other_byte_for_byte(tmp_path: Path, first: str) -> None:
    """The maker is the stack that made the project; the guest found it."""
    with running_emulator(tmp_path, deploy_step_seconds=0) as emulator:
        stacks = {name: Project(tmp_path / name, emulator.endpoint, emulator.token) for name in ("maker", "guest")}
        for name, stack in stacks.items():
            stack.init()
            stack.describe(spec(name))
            stack.up()
        (second,) = stacks.keys() - {first}
        ids = environments(emulator)
        before = emulator.snapshot(ids[second])
        stacks[first].destroy()
        assert emulator.snapshot(ids[second]) == before
        assert environments(emulator).keys() == {"base", second}
        stacks[second].refresh("--expect-no-changes")
        stacks[second].destroy()
        # A project is deleted by its maker alone, and not while others live in it.
        assert [row["services"] for row in emulator.admin("GET", "/snapshot")["projects"]] == [[]] * (first == "maker")
