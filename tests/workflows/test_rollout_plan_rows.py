"""`make rollout-plan`: the pool manager's plan as a table, and the question that it is asked."""

from __future__ import annotations

from typing import Any

import pytest

from convos_infra.errors import InfraError
from ops.plan.rollout_plan import variables
from ops.plan.rollout_rows import lines, rows
from stack.rollout import RolloutPolicy
from tests.registry.pushing import Repository as Images

OLD, NEW = (f"registry.example/convos-runtime:scaling@sha256:{digit * 64}" for digit in "12")
PLAN = {
    "image": NEW,
    "lines": ["policy redeploy-idle: 3 agents move to sha256:22222222, 2 batches", "batch 1: …"],
    "batches": [
        {"batch": 1, "surge": 0, "agents": [{"id": "aaa", "from": OLD, "to": NEW}]},
        {"batch": 2, "surge": 1, "agents": [{"id": "bbb", "from": OLD, "to": NEW}]},
    ],
}
LIVING = [
    {"id": "ccc", "state": "claimed", "image": OLD},
    {"id": "bbb", "state": "idle", "image": OLD},
    {"id": "aaa", "state": "idle", "image": OLD},
    {"id": "ddd", "state": "unfinished", "image": ""},
]


def test_each_agent_is_in_its_batch_or_stays() -> None:
    assert rows(PLAN, LIVING) == [
        ("aaa", "idle", "1", "sha256:11111111", "sha256:22222222"),
        ("1 agents", "new", "before 2", "-", "sha256:22222222"),
        ("bbb", "idle", "2", "sha256:11111111", "sha256:22222222"),
        ("ccc", "claimed", "-", "sha256:11111111", "stays"),
        ("ddd", "unfinished", "-", "-", "stays"),
    ]
    text = lines(PLAN, LIVING)
    assert text[0] == PLAN["lines"][0]
    assert text[2].split() == ["agent", "state", "batch", "from", "to"]
    assert len({line.index("sha256:1") for line in text if "sha256:1" in line}) == 1, "columns"


def test_without_agents_there_is_no_table() -> None:
    assert lines({"image": NEW, "lines": ["policy hold: there are no agents yet"], "batches": []}, []) == [
        "policy hold: there are no agents yet"
    ]


def asked(config: dict[str, Any], image: str = "", policy: str = "", *, reference: str = OLD) -> dict[str, str]:
    return variables(config, {"image": {"reference": reference}}, "scaling", image, policy)


def test_the_question_has_the_image_that_is_pinned_or_followed_and_the_stacks_policy(registry: Any) -> None:
    images = Images(registry.host, "convos/rollout-plan")
    followed, pinned = (
        images.image("scaling", content="followed").digest,
        images.image("sha-1a2b3c4", content="pinned").digest,
    )
    at = f"{images.location}:x@{pinned}"
    found = asked({"rolloutBatch": "7"}, reference=at)
    assert found == {
        "RAILWAY_RUNTIME_IMAGE": f"{images.location}:scaling@{followed}",
        **RolloutPolicy(batch=7).variables(),
    }
    found = asked({"imageTag": "sha-1a2b3c4"}, policy="redeploy-idle", reference=at)
    assert found["RAILWAY_RUNTIME_IMAGE"] == f"{images.location}:sha-1a2b3c4@{pinned}"
    assert found["POOL_ROLLOUT_POLICY"] == "redeploy-idle"
    found = asked({"imageTag": "sha-1a2b3c4"}, image=followed, reference=at)
    assert found["RAILWAY_RUNTIME_IMAGE"] == f"{images.location}@{followed}"


def test_a_stack_that_builds_its_image_is_asked_for_the_deployed_one() -> None:
    assert asked({"imageBuild": "true"})["RAILWAY_RUNTIME_IMAGE"] == OLD


BAD = [
    ({"rolloutBatch": "0"}, "", "rolloutBatch: must be from 1 to 1000, not '0'"),
    ({}, "yolo", "rolloutPolicy: must be one of hold, redeploy-idle, drain-and-replace, not 'yolo'"),
]


@pytest.mark.parametrize(("config", "policy", "problem"), BAD)
def test_a_policy_that_is_none_is_one_line(config: dict[str, Any], policy: str, problem: str) -> None:
    with pytest.raises(InfraError) as caught:
        asked(config, policy=policy)
    assert str(caught.value) == problem


def test_a_stack_without_an_image_says_so() -> None:
    with pytest.raises(InfraError, match=r"^scaling: it has no image yet; pulumi up --stack scaling$"):
        variables({}, {}, "scaling", "", "")
