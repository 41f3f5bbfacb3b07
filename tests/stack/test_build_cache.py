"""`imageCache`: a build leaves its layers in the registry, and the image is the same with and without it."""

from __future__ import annotations

import json

import pytest

from tests.stack.fix_stack import NO_PROXY, LocalStack

pytestmark = pytest.mark.stack


def test_layers_are_kept_in_a_repository_of_their_own_and_nothing_is_deployed_for_it(stack: LocalStack) -> None:
    before = stack.outputs()["image"]["digest"]
    registry = stack.outputs()["image"]["reference"].partition("/")[0]
    stack.set("imageCache", f"{registry}/convos-cache")
    stack.cost()
    done = stack.up()
    assert done.code == 0, done.text
    assert stack.outputs()["image"]["digest"] == before
    assert stack.cost() == []
    for tag in ("runtime", "pool"):
        with NO_PROXY.open(f"http://{registry}/v2/convos-cache/manifests/{tag}", timeout=10) as answer:
            manifest = json.load(answer)
        assert manifest["layers"], manifest
    assert stack.preview("--expect-no-changes").code == 0
