"""The bearer key of a readiness check is never in plain text, and a preview without a change makes no call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.emulator.fix_emulator import running_emulator
from tests.fleet.project import OTHER_IMAGE, Project, fleet, service

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.stack
KEY = "s3cret-bearer-of-readiness"


def test_a_readiness_check_causes_no_change_and_its_key_is_never_in_plain_text(tmp_path: Path) -> None:
    with running_emulator(tmp_path) as emulator:
        project = Project(tmp_path / "stack", emulator.endpoint, emulator.token)
        project.init()
        spec = fleet([service("s0")])
        project.describe(spec)
        project.up()
        # A readiness check is added to an existing service: the update deploys nothing, and stores it in the state.
        spec["services"][0]["readiness"] = {"url": "http://127.0.0.1:9", "bearer": KEY}
        project.describe(spec)
        printed = [project.preview("--expect-no-changes").text, project.up().text]
        emulator.forget_calls()
        printed.append(project.preview("--expect-no-changes").text)
        assert emulator.calls() == []
        spec["services"][0]["image"] = OTHER_IMAGE
        project.describe(spec)
        printed += [project.preview().text, project.up().text, project.refresh().text]
        printed.append(project.preview("--expect-no-changes").text)
        state = json.dumps(project.exported())
        assert '"readiness": {"4dabf18193072939515e22adb298388d"' in state, "Pulumi's mark of a secret"
        assert KEY not in state + "".join(printed)
        project.destroy()
