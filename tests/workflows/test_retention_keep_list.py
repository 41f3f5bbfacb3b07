"""The keep-list: all that is in use, or no list at all."""

from __future__ import annotations

import pytest

from convos_infra.errors import InfraError
from convos_infra.registry.reference import parse
from ops.ci.images_in_use import _parsed, check_all_there, from_config, from_outputs
from ops.ci.retention import main, repositories

DIGEST = f"sha256:{'a' * 64}"


def test_a_stack_keeps_what_it_follows_and_what_it_pins() -> None:
    values = {"imageRepository": "ghcr.io/x/convos-runtime", "imageBranchTag": "production"}
    assert [str(found) for found in from_config(values, "production")] == ["ghcr.io/x/convos-runtime:production"]
    pinned = from_config({**values, "imageTag": "sha-1a2b3c4"}, "production")
    assert [found.tag for found in pinned] == ["production", "sha-1a2b3c4"]
    by_digest = from_config({**values, "imageTag": DIGEST}, "production")
    assert by_digest[1].digest == DIGEST


def test_a_stack_keeps_its_pool_managers_image_by_tag_and_by_digest() -> None:
    for image in ("ghcr.io/x/convos-pool:dev", f"ghcr.io/x/convos-pool@{DIGEST}", f"ghcr.io/x/convos-pool:a@{DIGEST}"):
        assert str(from_config({"poolImage": image}, "dev")[-1]) == image
    for values in ({}, {"poolImage": ""}, {"poolBuild": "pool"}):
        assert [found.repository.rpartition("/")[2] for found in from_config(values, "dev")] == ["convos-runtime"]
    with pytest.raises(InfraError, match="^poolImage: "):
        from_config({"poolImage": "Not An Image"}, "dev")


def test_a_run_cleans_the_repositories_of_our_images_alone() -> None:
    used = [parse(one) for one in ("r.io/x/convos-pool:dev", "r.io/x/convos-runtime:dev", "r.io/x/postgres:17")]
    used += [parse("r.io/y/convos-pool:dev"), parse("r.io/x/convos-pool:main"), parse("r.io/x/my-convos-pool:main")]
    ours = ["r.io/x/convos-pool", "r.io/x/convos-runtime", "r.io/y/convos-pool"]
    assert repositories(used) == ours
    assert repositories(used, ours[1]) == ours[1:2]
    for only in ("r.io/x/postgres", "r.io/x/convos-pol", "R.io/x/convos-pool", "r.io/x/convos-pool/"):
        with pytest.raises(
            InfraError, match=r"is not one of our repositories in use; expected one of r.io/x/convos-pool, "
        ):
            repositories(used, only)


@pytest.mark.parametrize("name", ["--newest", "--days", "--most"])
@pytest.mark.parametrize("text", ["-1", "99999999999999", "9" * 6000, "0" * 12 + "99999999999", "1e3", "x", "1.5", "²"])
def test_a_number_that_means_nothing_is_refused_before_anything_is_read(
    name: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([f"{name}={text}"])
    assert "is not a number from 0 to 10000" in capsys.readouterr().err


def test_a_stack_keeps_what_it_deployed() -> None:
    outputs = {
        "image": {"reference": f"ghcr.io/x/convos-runtime:dev@{DIGEST}"},
        "canary": {"image": f"ghcr.io/x/convos-runtime:dev@{DIGEST}"},
        "poolManager": {"image": "ghcr.io/x/convos-pool:dev"},
        "database": {"host": "x"},
    }
    assert len(from_outputs(outputs)) == 3
    assert from_outputs({}) == []


def test_a_backend_that_shows_fewer_stacks_than_have_a_config_is_the_wrong_one() -> None:
    with pytest.raises(InfraError) as caught:
        check_all_there(["dev", "production", "staging"], ["dev", "pr-7"], [])
    assert str(caught.value) == (
        "retention: this backend does not have the stacks production, staging; "
        "if they were never deployed, pass --without production staging"
    )
    check_all_there(["dev", "production"], ["dev"], ["production"])


def test_an_image_that_cannot_be_read_ends_it() -> None:
    """Passed over, it would be deleted."""
    with pytest.raises(InfraError, match="^dev/convos-agent-1: runs an image whose reference is invalid"):
        _parsed(["not an image!"], "dev/convos-agent-1")
