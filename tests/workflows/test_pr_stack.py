"""Stacks of pull requests: whose time is over, what their config is, which image they run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from convos_infra.errors import InfraError
from ops.ci.pr_stack import LABEL, TEMPLATE, Left, image_tag, number_of, pool_image, settings_of, there, why_over
from tests.registry.conftest import Registry
from tests.registry.pushing import Repository as Images

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
OPEN = {"state": "open", "labels": [{"name": LABEL}]}
HEAD = "3b8f1c2d4e5a69788796a5b4c3d2e1f00f1e2d3c"


def left(hours: float | None = 1) -> Left:
    return Left("pr-7", None if hours is None else NOW - timedelta(hours=hours))


@pytest.mark.parametrize(
    ("stack", "pull", "why"),
    [
        (left(), OPEN, ""),
        (left(71), OPEN, ""),
        (left(73), OPEN, "its last update is more than 72 hours ago"),
        (left(), {**OPEN, "state": "closed"}, "its pull request is closed"),
        (left(), {**OPEN, "labels": []}, "its pull request has no label pr-stack"),
        (left(), {**OPEN, "labels": None}, "its pull request has no label pr-stack"),
        (left(), None, "there is no such pull request"),
        (left(None), OPEN, "it was never updated to the end"),
    ],
)
def test_a_stack_goes_when_its_time_is_over(stack: Left, pull: dict[str, object] | None, why: str) -> None:
    assert why_over(stack, pull, NOW, 72) == why


def test_only_pull_requests_stacks_are_ever_swept() -> None:
    rows = [{"name": name} for name in ("dev", "production", "pr-", "pr-0", "pr-07", "pr-7x", "my-pr-7", "PR-7")]
    assert there(rows) == []
    found = there([{"name": "pr-7", "lastUpdate": "2026-11-25T11:00:00.717Z"}, {"name": "pr-12"}])
    assert [(row.name, row.number, row.updated is None) for row in found] == [("pr-7", 7, False), ("pr-12", 12, True)]
    assert number_of("pr-98") == 98


def test_its_config_is_never_made_from_production() -> None:
    assert TEMPLATE == "dev"
    chosen = settings_of(7, "pr-7")
    assert (chosen["environment"], chosen["imageTag"], chosen["protect"]) == ("pr-7", "pr-7", "false")
    assert (chosen["agentsOnDestroy"], chosen["dataOnDestroy"]) == ("delete", "delete"), "it has no data of anybody"
    assert "destroyAdopted" not in chosen
    assert not {"imageTag", "poolImage"} & settings_of(7, "").keys()
    assert settings_of(7, "", "ghcr.io/a/b:pr-7")["poolImage"] == "ghcr.io/a/b:pr-7"


def test_it_runs_the_pull_requests_own_image_and_no_older_one(registry: Registry) -> None:
    images = Images(registry.host, "convos/pr-stack")
    template = {"imageRepository": images.location}
    images.image("dev", content="dev")
    assert image_tag(template, 7, HEAD) == "", "a pull request that builds none runs the template's"
    images.image("pr-7", content="last week's")
    images.image("sha-0000001", content="last week's")
    with pytest.raises(InfraError, match="imageTag: pr-7 is not the image of 3b8f1c2; wait for build-runtime to end"):
        image_tag(template, 7, HEAD)
    images.image("pr-7", content="today's")
    images.image("sha-3b8f1c2", content="today's")
    assert image_tag(template, 7, HEAD) == "pr-7"


def test_it_runs_the_pull_requests_own_pool_manager_and_no_older_one(registry: Registry) -> None:
    images = Images(registry.host, "convos/pr-stack-pool")
    template = {"poolImage": f"{images.location}:dev"}
    images.image("dev", content="dev")
    assert pool_image(template, 7, HEAD) == ""
    images.image("pr-7", content="last week's")
    with pytest.raises(InfraError, match="poolImage: pr-7 is not the image of 3b8f1c2; wait for build-pool to end"):
        pool_image(template, 7, HEAD)
    images.image("pr-7", content="today's")
    images.image("sha-3b8f1c2", content="today's")
    assert pool_image(template, 7, HEAD) == f"{images.location}:pr-7"


@pytest.mark.parametrize("template", [{}, {"poolImage": ""}, {"poolRepo": "owner/name"}, {"poolBuild": True}])
def test_a_template_without_a_pool_managers_image_asks_no_registry(template: dict[str, object]) -> None:
    assert pool_image(template, 7, HEAD) == ""
