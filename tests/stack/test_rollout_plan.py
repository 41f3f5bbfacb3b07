"""`make rollout-plan`: the table says what a preview says, and nothing is touched."""

from __future__ import annotations

import json

import pytest

from tests.stack.fix_stack import LocalStack

pytestmark = pytest.mark.stack


def test_the_plan_is_the_previews_and_reading_it_changes_nothing(stack: LocalStack) -> None:
    if stack.outputs()["poolManager"]["mode"] != "container":
        done = stack.shell("python", "-m", "ops.plan.rollout_plan", "--stack", "local")
        assert done.code == 1
        assert done.text.startswith("error: pool-manager: it is simulated here, no agent runs; ")
        return
    tag = stack.push_image("4d8f1c2d4e5a69788796a5b4c3d2e1f00f1e2d3c")
    stack.emulator("/calls", "DELETE")
    asked = ("python", "-m", "ops.plan.rollout_plan", "--stack", "local", "--image", tag, "--policy", "redeploy-idle")
    done = stack.shell(*asked)
    assert done.code == 0, done.text
    found = json.loads(stack.shell("sh", "-c", 'exec "$@" --json 2>/dev/null', "sh", *asked).text)
    assert [len(batch["agents"]) for batch in found["batches"]] == [1, 2]
    ids = sorted(move["id"] for batch in found["batches"] for move in batch["agents"])
    rows = [line.split() for line in done.text.splitlines() if line[:12] in ids]
    old = stack.outputs()["image"]["digest"][:15]
    assert sorted((row[2], row[3]) for row in rows) == [("1", old), ("2", old), ("2", old)]

    stack.set("imageTag", tag)
    stack.set("rolloutPolicy", "redeploy-idle")
    preview = stack.preview()
    assert preview.code == 0, preview.text
    for line in found["lines"]:
        assert line in preview.text
    assert not [call for call in stack.calls() if call["type"] == "mutation"]
    again = json.loads(stack.shell("sh", "-c", 'exec "$@" --json 2>/dev/null', "sh", *asked[:5]).text)
    assert again["lines"] == found["lines"], "the stack's config says the same now"
