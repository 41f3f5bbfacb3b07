"""A push that builds two images is deployed once, with both; an older build leaves the deploy to the newer one."""

from __future__ import annotations

from typing import Any

import pytest

from convos_infra.errors import InfraError
from convos_infra.registry.reference import ImageReference
from ops import stacks
from ops.ci import deploy
from ops.ci.deploy_decision import UNKNOWN
from ops.ci.just_built import Built, TaggedImage, followed, just_built
from tests.registry.conftest import Registry
from tests.registry.pushing import REVISION
from tests.registry.pushing import Repository as Images

COMMIT, OLDER = "3b8f1c2d4e5a69788796a5b4c3d2e1f00f1e2d3c", "0" * 39 + "1"
RUNTIME, POOL = "ghcr.io/xmtplabs/convos-runtime", "ghcr.io/xmtplabs/convos-pool"
VALUES = {"imageRepository": RUNTIME, "imageBranchTag": "dev", "poolImage": f"{POOL}:dev"}
A, B, C = (f"sha256:{digit * 64}" for digit in "abc")
BOTH = ("runtime", "pool")


def decided(
    name: str = "",
    digest: str = "",
    builds: tuple[str, ...] = (),
    values: dict[str, Any] = VALUES,
    **there: TaggedImage | None,
) -> Built:
    def ask(tag: ImageReference) -> TaggedImage | None:
        return there.get("pool" if tag.location == POOL else "runtime")

    images = followed(values, "dev")
    return just_built(images, name, digest, packages="ghcr.io/XMTPLabs", builds=builds, commit=COMMIT, ask=ask)


def test_one_image_is_deployed_by_its_digest() -> None:
    assert decided("runtime", A, ("runtime",), runtime=TaggedImage(A, COMMIT)) == Built({"runtime": A})
    found = decided("pool", B, ("pool",), pool=TaggedImage(B, COMMIT))
    assert found == Built({"pool": B})
    assert found.variables == {"IMAGE_DIGEST": "", "POOL_IMAGE_DIGEST": B}


def test_of_two_images_the_build_that_is_done_first_leaves_the_deploy_to_the_other() -> None:
    first = decided("runtime", A, BOTH, runtime=TaggedImage(A, COMMIT), pool=TaggedImage(C, OLDER))
    assert first.leave == f"{POOL}:dev is built from 0000000: build-pool deploys when it has finished"
    second = decided("pool", B, BOTH, runtime=TaggedImage(A, COMMIT), pool=TaggedImage(B, COMMIT))
    assert second == Built({"runtime": A, "pool": B})
    assert decided("runtime", A, BOTH, runtime=TaggedImage(A, COMMIT), pool=TaggedImage(B, COMMIT)) == second, (
        "a late look, the same"
    )


def test_a_build_of_one_image_does_not_ask_for_the_other_where_the_push_does_not_change_it() -> None:
    assert decided("pool", B, ("pool",), pool=TaggedImage(B, COMMIT), runtime=None) == Built({"pool": B})


@pytest.mark.parametrize(("found", "now"), [(TaggedImage(B, COMMIT), B[:15]), (None, "gone")])
def test_an_older_build_leaves_the_deploy_to_the_newer_one(found: TaggedImage | None, now: str) -> None:
    built = decided("runtime", A, ("runtime",), runtime=found)
    assert built.leave == f"tag dev now points to {now}: the build that moved it deploys it"


PINS = [
    ({"imageTag": "sha-1a2b3c4"}, "runtime", "runtime is pinned to sha-1a2b3c4"),
    ({"imageTag": B}, "runtime", f"runtime is pinned to {B}"),
    ({"imageRepository": "ghcr.io/a/b"}, "runtime", f"runtime is not {RUNTIME} in this stack"),
    ({"poolImage": f"{POOL}:sha-1a2b3c4"}, "pool", "pool is pinned to sha-1a2b3c4"),
    ({"poolImage": f"{POOL}:dev@{B}"}, "pool", f"pool is pinned to {B}"),
    ({"poolImage": "ghcr.io/a/convos-pool:dev"}, "pool", f"pool is not {POOL} in this stack"),
    ({"poolImage": "", "poolRepo": "a/b"}, "pool", f"pool is not {POOL} in this stack"),
    ({"poolImage": "", "poolBuild": True}, "pool", f"pool is not {POOL} in this stack"),
]


@pytest.mark.parametrize(("change", "name", "note"), PINS, ids=[row[2] for row in PINS])
def test_what_the_stack_does_not_follow_is_told_and_the_program_is_deployed_without_it(
    change: dict[str, Any], name: str, note: str
) -> None:
    built = decided(name, A, (name,), values={**VALUES, **change})
    assert built == Built({}, notes=(f"{note}: the new image is not deployed",))


def test_an_image_from_elsewhere_is_not_waited_for() -> None:
    values = {**VALUES, "poolImage": "ghcr.io/a/convos-pool:dev"}
    assert decided("runtime", A, BOTH, values, runtime=TaggedImage(A, COMMIT)) == Built({"runtime": A})


def test_the_first_push_of_a_repository_is_deployed_by_the_build_that_is_done_last() -> None:
    assert (
        decided(builds=UNKNOWN).leave == f"{RUNTIME}:dev does not exist yet: build-runtime deploys when it has finished"
    )
    assert decided("runtime", A, UNKNOWN, runtime=TaggedImage(A, COMMIT)).leave.startswith(
        f"{POOL}:dev does not exist yet"
    )
    both = decided("pool", B, UNKNOWN, runtime=TaggedImage(A, COMMIT), pool=TaggedImage(B, COMMIT))
    assert both == Built({"runtime": A, "pool": B})


def test_a_new_branch_with_the_images_of_an_older_commit_is_deployed() -> None:
    assert decided(builds=UNKNOWN, runtime=TaggedImage(A, OLDER), pool=TaggedImage(B, OLDER)) == Built()


def test_by_hand_nothing_is_asked_and_nothing_was_just_built() -> None:
    assert decided() == Built()


def test_a_registry_is_asked_for_what_a_tag_names(registry: Registry) -> None:
    images = Images(registry.host, "convos/just-built")
    tag = stacks.followed({"imageRepository": images.location}, "dev")
    assert deploy.tagged_image(tag) is None, "no such repository"
    pushed = images.image("other", labels={REVISION: COMMIT})
    assert deploy.tagged_image(tag) is None, "no such tag"
    images.image("dev", labels={REVISION: COMMIT})
    assert deploy.tagged_image(tag) == TaggedImage(pushed.digest, COMMIT)
    lonely = stacks.followed({"imageRepository": "127.0.0.1:9/a/b"}, "dev")
    with pytest.raises(InfraError):
        deploy.tagged_image(lonely)
