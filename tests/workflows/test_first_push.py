"""The first push of a new repository, and pushes that build two images: the real deploy script under act, a registry.

Only Pulumi's CLI is a stand-in, which notes the digests that it is given.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from convos_infra.registry.resolve import resolve
from tests.registry.conftest import Registry
from tests.workflows.act_world import Run, World, branch_event, event

MAKEFILE = 'script:\n\t@"$$STANDIN_PYTHON" -m ops $(RUN)\n'


@pytest.fixture
def new_repository(tmp_path: Path, workflow_tools: dict[str, str], registry: Registry) -> World:
    """A repository whose packages are not there yet: its name at the registry is this test's own."""
    host = f"{registry.host}/{tmp_path.name.lower()}"
    stack = f"""\
config:
  convos-infra:imageRepository: {host}/xmtplabs/convos-runtime
  convos-infra:poolImage: {host}/xmtplabs/convos-pool:dev
"""
    return World(tmp_path / "act", workflow_tools["act"], host, {"Makefile": MAKEFILE, "Pulumi.dev.yaml": stack})


def previews(run: Run) -> list[str]:
    assert run.code == 0, run.text
    return [note for note in run.of("pulumi") if " preview " in note]


def test_the_first_push_is_deployed_by_the_build_that_is_done_last_with_both_images(new_repository: World) -> None:
    world, first = new_repository, event("push-branch-created")
    deploy = world.run("push", first, image="")
    assert previews(deploy) == []
    assert "convos-runtime:dev does not exist yet: build-runtime deploys when it has finished" in deploy.text
    runtime = world.run("push", first)
    assert previews(runtime) == []
    assert "convos-pool:dev does not exist yet: build-pool deploys when it has finished" in runtime.text
    pool = world.run("push", first, image="pool")
    built = [resolve(f"{world.packages}/convos-{name}:dev") for name in ("runtime", "pool")]
    assert [image.revision for image in built] == [world.commit, world.commit]
    assert previews(pool) == [f"up pulumi preview IMAGE_DIGEST={built[0].digest} POOL_IMAGE_DIGEST={built[1].digest}"]


def test_a_later_push_of_the_pool_manager_alone_is_deployed_with_its_digest_and_no_other(new_repository: World) -> None:
    world = new_repository
    world.run("push", event("push-branch-created"))
    world.run("push", event("push-branch-created"), image="pool")
    again = world.run("push", branch_event("dev"), image="pool")
    digest = resolve(f"{world.packages}/convos-pool:dev").digest
    (preview,) = previews(again)
    assert preview.endswith(f" POOL_IMAGE_DIGEST={digest}")
