"""`make demo` with real containers: each step sees what it must, and the stack is left as it was found."""

from __future__ import annotations

import os
import re

import pytest

from tests import needs
from tests.stack.fix_stack import LocalStack

pytestmark = [pytest.mark.stack, pytest.mark.docker]
SECONDS = 600.0


def containers(stack: LocalStack) -> int:
    label = f"label=convos.emulator.data={stack.checkout}/.local/emulator"
    return len(stack.shell("docker", "ps", "--all", "--filter", label, "--format", "{{.Names}}").text.split())


@pytest.mark.minutes_long("DEMO=1 make test", asked=os.environ.get("DEMO") == "1")
def test_a_day_is_shown_and_leaves_nothing_behind(stack: LocalStack) -> None:
    before = stack.outputs()
    if before["poolManager"]["mode"] != "container":
        needs.DOCKER.skip()
    config, running = (stack.checkout / "Pulumi.local.yaml").read_text(), containers(stack)
    done = stack.make("demo", SECONDS)
    assert done.code == 0, done.text
    headlines = re.findall(r"^(\d)\. ", done.text, re.MULTILINE)
    assert headlines == ["1", "2", "3", "4", "5", "6"]
    assert "The stack is as it was found" in done.text
    assert before["poolManager"]["apiKey"] not in done.text
    assert (stack.checkout / "Pulumi.local.yaml").read_text() == config
    # What an earlier test left may be gone meanwhile.
    assert containers(stack) <= running
    assert stack.outputs()["image"] == before["image"]
    assert stack.preview("--expect-no-changes").code == 0


def test_a_demo_without_a_stack_is_one_line(stack: LocalStack) -> None:
    done = stack.shell("env", "PULUMI_BACKEND_URL=file:///proc", "python", "-m", "ops.demo.command")
    assert done.code == 1
    assert "Traceback" not in done.text
