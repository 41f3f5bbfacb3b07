"""A pinned image: what the preview says, what the update does, and back again."""

from __future__ import annotations

import re

import pytest

from tests import needs
from tests.stack.fix_stack import LocalStack

pytestmark = pytest.mark.stack
CANARY, POOL = "convos-runtime-canary", "convos-agent-pool-manager"
ONE_EACH = [("environmentPatchCommit", CANARY), ("environmentPatchCommit", POOL)]


def pushed(stack: LocalStack, tag: str, revision: str) -> str:
    """Build and push another runtime image; returns its digest."""
    repository = stack.outputs()["image"]["reference"].partition("@")[0].rpartition(":")[0]
    done = stack.shell("ops/image/build.sh", "--push", "runtime", f"{repository}:{tag}", env={"REVISION": revision})
    assert done.code == 0, done.text
    return done.text.split()[-1]


def test_a_pin_is_previewed_and_costs_one_deployment_of_canary_and_pool_manager_and_so_does_the_way_back(
    stack: LocalStack,
) -> None:
    old = stack.outputs()["image"]["digest"]
    new = pushed(stack, "sha-0123456", "0123456" + "0" * 33)
    assert new != old
    stack.set("imageTag", "sha-0123456")
    stack.cost()

    preview = stack.preview()
    assert preview.code == 0, preview.text
    assert re.search(rf'digest *: "{old}" => "{new}"', preview.text), preview.text
    assert len(re.findall(r"dynamic/railway:ServiceInstance: \(update\)", preview.text)) == 2
    assert preview.text.count('=> "1 deployment:') == 2
    plan = stack.plan()
    assert [(one["name"], one["deployments"], one["after"]) for one in plan["services"]] == [
        (CANARY, 1, []),
        (POOL, 1, [CANARY]),
    ]
    assert (plan["deployments"], plan["mutations"]) == (2, len(ONE_EACH))
    assert plan["images"][0]["digest"] == {"before": old, "after": new}
    assert stack.cost() == []

    assert stack.up().code == 0
    assert stack.cost() == ONE_EACH
    assert stack.outputs()["image"]["digest"] == new
    assert new in stack.outputs()["canary"]["image"]

    stack.unset("imageTag")
    assert stack.up().code == 0
    assert stack.cost() == ONE_EACH
    assert stack.outputs()["image"]["digest"] == old


def test_an_image_that_never_gets_ready_stops_at_the_canary(stack: LocalStack) -> None:
    before = stack.outputs()
    if before["canary"]["mode"] != "container":
        needs.DOCKER.skip()  # a simulated run is always ready
    folder = stack.checkout / "never-ready"
    (folder / "runtime" / "scripts").mkdir(parents=True)
    (folder / "runtime" / "scripts" / "pool-server.js").write_text(
        "require('http').createServer((_, a) => { a.statusCode = 503; a.end() }).listen(process.env.PORT)\n"
        "console.log('I am never ready')\n"
    )
    repository = before["image"]["reference"].partition("@")[0].rpartition(":")[0]
    dockerfile = "FROM {}\nLABEL org.opencontainers.image.revision=badbad0\nCOPY runtime/scripts ./scripts\n"
    (folder / "Dockerfile").write_text(dockerfile.format(before["image"]["reference"]))
    built = stack.shell("docker", "build", "--quiet", "--tag", f"{repository}:sha-badbad0", str(folder))
    assert built.code == 0, built.text
    assert stack.shell("docker", "push", "--quiet", f"{repository}:sha-badbad0").code == 0
    stack.set("imageTag", "sha-badbad0")
    stack.set("healthTimeout", "3")
    stack.cost()
    done = stack.up()
    assert done.code != 0
    # Railway is not asked to check its health, which needs the agent's key: what it says itself is asked for.
    assert f"error: update failed: {CANARY}: not ready 3 s after its deployment: GET http" in done.text
    assert "/pool/health answers 503; see its log on Railway" in done.text
    assert [service for _, service in stack.cost()] == [CANARY]
    variables = stack.emulator(f"/snapshot?environment={before['environment']['id']}")["config"]["services"]
    mine = [row for row in variables.values() if "RAILWAY_RUNTIME_IMAGE" in row.get("variables", {})]
    assert [row["variables"]["RAILWAY_RUNTIME_IMAGE"]["value"] for row in mine] == [before["image"]["reference"]]
    assert stack.outputs()["poolManager"]["deploymentId"] == before["poolManager"]["deploymentId"]
