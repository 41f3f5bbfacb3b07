"""An environment under another name in the config is renamed, also in a state of 0.1, which called it otherwise."""

from __future__ import annotations

import json

import pytest

from tests.stack.fix_stack import LocalStack

pytestmark = pytest.mark.stack


def test_a_state_of_release_0_1_is_taken_up_and_a_changed_name_renames_in_place(stack: LocalStack) -> None:
    before = stack.outputs()
    exported = stack.checkout / ".local" / "exported.json"
    assert stack.pulumi("stack", "export", "--stack", "local", "--file", str(exported)).code == 0
    text = exported.read_text()
    for kind, logical, name in (("Project", "project", "convos"), ("Environment", "environment", "local")):
        now, then = f"dynamic/railway:{kind}::{logical}", f"dynamic/railway:{kind}::{name}"
        assert now in text, "the names in the state are not those that this test takes back"
        text = text.replace(f'{now}"', f'{then}"')
    exported.write_text(text)
    assert stack.pulumi("stack", "import", "--stack", "local", "--file", str(exported)).code == 0
    stack.cost()
    done = stack.preview("--expect-no-changes")
    assert done.code == 0, done.text

    stack.set("environment", "renamed")
    preview = stack.preview()
    assert preview.code == 0, preview.text
    assert "replace" not in preview.text, preview.text
    assert "delete" not in preview.text, preview.text
    assert stack.up().code == 0
    assert stack.cost() == [("environmentRename", "")]
    after = stack.outputs()
    assert after["environment"]["name"] == "renamed"
    assert after["environment"]["id"] == before["environment"]["id"]
    urns = [row["urn"] for row in json.loads(stack.state())["checkpoint"]["latest"]["resources"]]
    assert len([urn for urn in urns if "railway:Environment::" in urn]) == 1

    stack.unset("environment")
    assert stack.up().code == 0
    assert stack.cost() == [("environmentRename", "")]
