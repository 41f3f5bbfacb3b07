"""Two previews compared: nothing but the image just built may differ from what was reviewed."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from ops.ci.comment import revealed
from ops.ci.preview import body, head
from ops.ci.reviewed import IMAGE, POOL_IMAGE, UNKNOWN, Preview, decoded, differences, encoded, parse, without_image
from ops.plan.of_preview import PreviewContext, update_plan
from ops.plan.previewed import Previewed

RECORDED = json.loads((Path(__file__).parent / "previews" / "new-image.json").read_text())
"""What the real CLI printed for a new image on a running stack, but for states' outputs; names made general."""
OLD = "sha256:7fde4bb4f64c54e05aff79c5fd2cfea82e826d118430c60a849b288e65e28254"
BUILT = "sha256:13a434806a4687216bcaed7ba5f5d75c69d7415a9d36b6ea7278b51a75cd5960"
NOTHING = Preview(())


def read_twice(document: dict[str, Any]) -> Previewed:
    return Previewed(parse(document), update_plan("dev", document, PreviewContext()))


CANARY = "railway:ServiceInstance convos-runtime-canary"


def document(**changes: Any) -> dict[str, Any]:
    """Return the recorded preview with variables of the canary changed: NAME=(before, after)."""
    found = copy.deepcopy(RECORDED)
    canary = next(step for step in found["steps"] if "ServiceInstance::convos-runtime-canary" in step["urn"])
    for name, (before, after) in changes.items():
        for state, value in (("oldState", before), ("newState", after)):
            if value is not None:
                canary[state]["inputs"]["variables"][name] = value
    return found


def with_image(found: dict[str, Any], digest: str) -> dict[str, Any]:
    return json.loads(json.dumps(found).replace(BUILT, digest))  # type: ignore[no-any-return]


def test_a_new_image_is_two_deployments_and_the_digest_is_known() -> None:
    preview = parse(RECORDED)
    assert preview.deployments == 2
    assert preview.digest_of(IMAGE) == BUILT
    assert len(preview.changes) == 5


def test_the_image_just_built_is_no_difference() -> None:
    assert differences(NOTHING, parse(RECORDED), BUILT) == []
    assert without_image(parse(RECORDED)).changes == ()


def test_an_image_that_the_reviewed_preview_had_and_that_is_another_by_now_is_none_either() -> None:
    reviewed = parse(with_image(RECORDED, f"sha256:{'5' * 64}"))
    assert differences(reviewed, parse(RECORDED), BUILT) == []


@pytest.mark.parametrize("built", ["", f"sha256:{'5' * 64}"])
def test_an_image_that_was_not_just_built_is_a_difference_like_all_others(built: str) -> None:
    found = differences(NOTHING, parse(RECORDED), built)
    assert f'in this preview, but not reviewed: update {IMAGE}: digest: "{OLD}" -> "{BUILT}"' in found


POOL_OLD = f"sha256:{'6' * 64}"
POOL_BUILT = f"sha256:{'7' * 64}"


def pool_document(**more: Any) -> dict[str, Any]:
    """Return a preview in which the pool manager's image changes, and `more` of its service."""
    repository = "ghcr.io/xmtplabs/convos-pool:dev"

    def step(urn: str, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
        return {"op": "update", "urn": urn, "oldState": {"inputs": before}, "newState": {"inputs": after}}

    def recorded(digest: str) -> dict[str, Any]:
        return {"digest": digest, "pinned": f"{repository}@{digest}", "tag": "dev"}

    head = "urn:pulumi:dev::convos-infra::convos:index"
    why = {"deployments": 1, "because": ["image", *more]}
    service = {"name": "convos-agent-pool-manager", "image": f"{repository}@{POOL_OLD}", "deploymentId": "old"}
    new = {**service, "image": f"{repository}@{POOL_BUILT}", "deploymentId": UNKNOWN}
    manager = f"{head}:PoolManager$pulumi-python:dynamic/railway"
    return {
        "changeSummary": {},
        "steps": [
            step(
                f"{head}:RuntimeImage$pulumi-python:dynamic/registry:Image::pool",
                recorded(POOL_OLD),
                recorded(POOL_BUILT),
            ),
            step(
                f"{manager}:ServiceInstance::convos-agent-pool-manager",
                {"image": f"{repository}@{POOL_OLD}"},
                {"image": f"{repository}@{POOL_BUILT}", "change": why, **more},
            ),
            step(f"{manager}:Deployment::convos-agent-pool-manager", {"services": [service]}, {"services": [new]}),
        ],
    }


def test_the_pool_managers_image_just_built_is_no_difference_either() -> None:
    preview = parse(pool_document())
    assert preview.digest_of(POOL_IMAGE) == POOL_BUILT
    assert differences(NOTHING, preview, POOL_BUILT) == []
    assert differences(NOTHING, preview, BUILT, POOL_BUILT) == []


def test_two_images_just_built_are_no_difference_and_one_alone_leaves_the_other() -> None:
    found = copy.deepcopy(RECORDED)
    found["steps"] += pool_document()["steps"]
    assert differences(NOTHING, parse(found), BUILT, POOL_BUILT) == []
    left = differences(NOTHING, parse(found), BUILT)
    assert f'in this preview, but not reviewed: update {POOL_IMAGE}: digest: "{POOL_OLD}" -> "{POOL_BUILT}"' in left
    assert not any(BUILT in line for line in left)
    other = differences(NOTHING, parse(found), POOL_BUILT)
    assert any(IMAGE in line for line in other)
    assert not any(POOL_BUILT in line for line in other)


@pytest.mark.parametrize("built", ["", BUILT])
def test_a_pool_managers_image_that_was_not_just_built_is_a_difference(built: str) -> None:
    assert any(POOL_IMAGE in line for line in differences(NOTHING, parse(pool_document()), built))


def test_what_changes_beside_the_pool_managers_image_is_a_difference() -> None:
    found = differences(NOTHING, parse(pool_document(POOL_MIN_IDLE="9")), POOL_BUILT)
    service = "railway:ServiceInstance convos-agent-pool-manager"
    assert found == [
        f'in this preview, but not reviewed: update {service}: POOL_MIN_IDLE: - -> "9"',
        f"in this preview, but not reviewed: {service} is deployed for POOL_MIN_IDLE",
    ]


def test_the_reviewed_change_of_a_variable_goes_with_the_new_image() -> None:
    reviewed = parse(document(XMTP_ENV=("dev", "production")))
    assert differences(reviewed, parse(document(XMTP_ENV=("dev", "production"))), BUILT) == []


def test_a_variable_that_nobody_reviewed_is_named_with_both_values() -> None:
    (line,) = differences(NOTHING, parse(document(XMTP_ENV=("dev", "production"))), BUILT)
    assert line == (
        "in this preview, but not reviewed: update railway:ServiceInstance convos-runtime-canary: "
        'variables.XMTP_ENV: "dev" -> "production"'
    )


def test_a_value_other_than_the_reviewed_one_is_named_on_both_sides() -> None:
    reviewed, now = document(XMTP_ENV=("dev", "staging")), document(XMTP_ENV=("dev", "production"))
    found = differences(parse(reviewed), parse(now), BUILT)
    assert [line.rpartition(" -> ")[2] for line in found] == ['"staging"', '"production"']
    assert [line.partition(":")[0] for line in found] == [
        "reviewed, but not in this preview",
        "in this preview, but not reviewed",
    ]


def test_a_reviewed_change_that_is_missing_is_a_difference() -> None:
    assert differences(parse(document(XMTP_ENV=("dev", "staging"))), parse(RECORDED), BUILT)


def test_another_image_in_a_variable_is_not_taken_for_the_one_just_built() -> None:
    """Only old runtime image -> new runtime image is a consequence; an image pushed in by hand is not."""
    found = differences(NOTHING, parse(document(SIDE_IMAGE=("a", f"ghcr.io/x/y@{BUILT}"))), BUILT)
    assert any("SIDE_IMAGE" in line for line in found)


def secret(name: str) -> dict[str, Any]:
    """Return a preview with a secret changed: its values are never shown, its name is in what the change costs."""
    found = copy.deepcopy(RECORDED)
    canary = next(step for step in found["steps"] if "ServiceInstance::convos-runtime-canary" in step["urn"])
    for state in ("oldState", "newState"):
        canary[state]["inputs"]["variables"][name] = "[secret]"
    canary["newState"]["inputs"]["change"] = {"number": 2, "deployments": 1, "because": ["image", name]}
    return found


def test_a_secret_that_changes_is_a_difference_though_nobody_sees_its_value() -> None:
    assert differences(NOTHING, parse(secret("BANKR_API_KEY")), BUILT) == [
        f"in this preview, but not reviewed: update {CANARY}",
        f"in this preview, but not reviewed: {CANARY} is deployed for BANKR_API_KEY",
    ]
    assert differences(parse(secret("BANKR_API_KEY")), parse(secret("BANKR_API_KEY")), BUILT) == []


def test_the_number_that_a_cost_carries_is_no_difference() -> None:
    now = copy.deepcopy(RECORDED)
    for step in now["steps"]:
        change = (step.get("newState") or {}).get("inputs", {}).get("change")
        if change:
            change["number"] = 3.0
    assert now != RECORDED
    assert differences(parse(RECORDED), parse(now), "") == []


def test_what_others_stored_and_a_deployment_brings_to_life_is_a_difference() -> None:
    now = copy.deepcopy(RECORDED)
    canary = next(step for step in now["steps"] if "ServiceInstance::convos-runtime-canary" in step["urn"])
    canary["newState"]["inputs"]["change"]["others"] = ["THEIRS"]
    assert differences(parse(RECORDED), parse(now), "") == [
        f"in this preview, but not reviewed: {CANARY}: THEIRS, stored by others, is deployed"
    ]
    assert "; also deploys what others stored: THEIRS" in head(read_twice(now))


def test_a_preview_of_an_older_release_that_has_only_the_text_announces_nothing_and_is_no_preview_of_ours() -> None:
    old = json.dumps([["railway:ServiceInstance web", "update", {}, "1 deployment: image"]]).encode()
    with pytest.raises(ValueError, match="not an encoded preview"):
        decoded(old)
    assert decoded(encoded(parse(RECORDED))) == parse(RECORDED)


@pytest.mark.parametrize("op", ["delete", "replace", "create"])
def test_what_is_deleted_replaced_or_made_without_review_is_a_difference(op: str) -> None:
    found = copy.deepcopy(RECORDED)
    urn = "urn:pulumi:dev::convos-infra::convos:index:Database$pulumi-python:dynamic/railway:Volume::postgres"
    state = {"inputs": {"mountPath": "/data", "id": UNKNOWN}}
    found["steps"].append({"op": op, "urn": urn, "oldState": state, "newState": state})
    lines = differences(NOTHING, parse(found), BUILT)
    assert lines
    assert all(f"{op} railway:Volume postgres" in line for line in lines)


def test_an_update_that_shows_nothing_is_still_one() -> None:
    found = copy.deepcopy(RECORDED)
    state = {"inputs": {"password": "[secret]"}}
    urn = "urn:pulumi:dev::convos-infra::pulumi-python:dynamic/railway:SharedVariables::shared"
    found["steps"].append({"op": "update", "urn": urn, "oldState": state, "newState": state})
    (line,) = differences(NOTHING, parse(found), BUILT)
    assert "update railway:SharedVariables shared: (a secret, or a value that is not shown)" in line


def test_the_stacks_name_is_in_nothing_that_is_compared() -> None:
    other = json.loads(json.dumps(RECORDED).replace("urn:pulumi:dev::", "urn:pulumi:pr-7::"))
    assert parse(other).fingerprint == parse(RECORDED).fingerprint


def test_a_preview_goes_through_a_comment_and_back() -> None:
    preview = parse(RECORDED)
    assert decoded(encoded(preview)) == preview
    data = revealed(body(read_twice(RECORDED), "the text"))
    assert data is not None
    assert decoded(data) == preview


@pytest.mark.parametrize("data", [b"", b"[", b"{}x", b'[["a"]]', b"[1]", b'[["a","b",3,"d"]]'])
def test_data_of_somebody_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json's own words, or ours
        decoded(data)


@pytest.mark.parametrize("found", [{}, {"steps": []}, {"error": "x"}])
def test_what_is_no_preview_is_refused(found: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a preview"):
        parse(found)


TWO_IMAGES = json.loads((Path(__file__).parent / "previews" / "two-images.json").read_text())
"""What the real CLI printed for new images of both kinds on a running stack, but for states' outputs; names general."""


def test_a_running_stack_with_two_images_just_built_shows_no_other_difference() -> None:
    """The pool manager's address is known only after its deployment, and follows from it as a deployment's id does."""
    preview = parse(TWO_IMAGES)
    runtime, pool = preview.digest_of(IMAGE), preview.digest_of(POOL_IMAGE)
    assert runtime
    assert pool
    assert any(change.what.startswith("convos:AgentRollout ") for change in preview.changes)
    assert differences(NOTHING, preview, runtime, pool) == []
    assert differences(NOTHING, preview, runtime)
    assert differences(NOTHING, preview, pool)


@pytest.mark.parametrize(
    ("name", "value"), [("url", "https://elsewhere.test"), ("mode", "simulated"), ("policy", UNKNOWN)]
)
def test_what_of_a_rollout_changes_by_other_hands_is_a_difference(name: str, value: str) -> None:
    found = copy.deepcopy(TWO_IMAGES)
    rollout = next(step for step in found["steps"] if "AgentRollout" in step["urn"])
    rollout["newState"]["inputs"][name] = value
    preview = parse(found)
    (line,) = differences(NOTHING, preview, preview.digest_of(IMAGE), preview.digest_of(POOL_IMAGE))
    assert f"AgentRollout agents: {name}: " in line
