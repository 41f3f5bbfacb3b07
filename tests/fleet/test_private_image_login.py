"""The login of a private image is sent to Railway, encrypted in the state, and no difference afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.emulator.fix_emulator import running_emulator
from tests.fleet.project import Project, fleet, service

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.stack
FIRST, ROTATED = "p4ss-of-the-registry", "r0tated-of-the-registry"


def test_a_registry_login_is_sent_once_and_encrypted_in_the_state_and_a_new_one_deploys_once(tmp_path: Path) -> None:
    with running_emulator(tmp_path) as emulator:
        project = Project(tmp_path / "stack", emulator.endpoint, emulator.token)
        project.init()
        spec = fleet([service("s0")])
        spec["services"][0]["login"] = ["robot", FIRST]
        project.describe(spec)
        printed = [project.up().text, project.refresh().text]
        emulator.forget_calls()
        printed.append(project.preview("--expect-no-changes").text)
        assert emulator.calls() == []
        spec["services"][0]["login"] = ["robot", ROTATED]
        project.describe(spec)
        printed.append(project.preview().text)
        emulator.forget_calls()
        printed.append(project.up().text)
        assert sum(len(call["deployments"]) for call in emulator.calls()) == 1
        printed.append(project.preview("--expect-no-changes").text)
        everything = json.dumps(project.exported()) + "".join(printed)
        assert FIRST not in everything
        assert ROTATED not in everything
        project.destroy()
