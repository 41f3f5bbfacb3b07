"""A new name in the config, with the real CLI: an update in place, and no change of the resources below."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.fix_emulator import Emulator, running_emulator
from tests.fleet.project import Project, fleet, service

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.stack
CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "project": ({"projectName": "renamed-project"}, "projectUpdate"),
    "environment": ({"environmentName": "renamed"}, "environmentRename"),
    "prefix": ({"prefix": "agent-"}, ""),
}


def mutations(emulator: Emulator) -> list[str]:
    calls = emulator.calls()
    emulator.forget_calls()
    return [call["operation"] for call in calls if call["type"] == "mutation"]


def test_a_rename_is_one_mutation_and_replaces_nothing_in_preview_and_update(tmp_path: Path) -> None:
    with running_emulator(tmp_path) as emulator:
        spec = fleet([service("web", volume="/data", domain=True, proxy=5432), service("other")])
        project = Project(tmp_path / "stack", emulator.endpoint, emulator.token)
        project.init()
        project.describe(spec)
        project.up()
        mutations(emulator)
        before = emulator.admin("GET", "/snapshot")
        for name, (change, operation) in CHANGES.items():
            spec.update(change)
            _change(project, emulator, spec, [operation] if operation else [], name)
        spec["services"][0]["serviceName"] = "renamed-web"
        _change(project, emulator, spec, ["serviceUpdate"], "service")
        after = emulator.admin("GET", "/snapshot")
        assert json.dumps(after).count("renamed") > json.dumps(before).count("renamed")
        project.destroy()


def _change(project: Project, emulator: Emulator, spec: dict[str, Any], expected: list[str], name: str) -> None:
    project.describe(spec)
    preview = project.preview("--diff").text
    assert "replace" not in preview, f"{name}: {preview}"
    unknown = [line for line in preview.splitlines() if "[unknown]" in line and "deploymentId" not in line]
    assert unknown == [], f"{name}: {preview}"
    emulator.forget_calls()
    project.up()
    assert mutations(emulator) == expected, name
    project.preview("--expect-no-changes")
    assert emulator.calls() == [], name
