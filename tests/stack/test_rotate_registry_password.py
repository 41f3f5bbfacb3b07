"""Another password of the registry on a stack that builds its images: previewed, applied, and no new image."""

from __future__ import annotations

import pytest

from tests.stack.fix_stack import LocalStack

pytestmark = pytest.mark.stack


def test_a_rotated_registry_password_is_previewed_and_applied_with_the_deployments_that_pull_with_it(
    stack: LocalStack,
) -> None:
    before = stack.outputs()["image"]
    stack.set("registryUsername", "somebody")
    stack.set("registryPassword", "r0tated-Password", "--secret")
    stack.cost()

    preview = stack.preview()
    assert preview.code == 0, preview.text
    assert "has a problem" not in preview.text
    assert "@ " not in preview.text, "an image with an empty digest"
    done = stack.up()
    assert done.code == 0, done.text
    assert stack.outputs()["image"] == before
    # Railway pulls with it, and the pool manager hands it on: one deployment each, and none of an agent.
    services = ("convos-runtime-canary", "convos-agent-pool-manager")
    assert stack.cost() == [("environmentPatchCommit", service) for service in services]
    assert "r0tated-Password" not in preview.text + done.text + stack.state()
