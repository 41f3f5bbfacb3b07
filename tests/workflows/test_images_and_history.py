"""What `make images` and `make history` make of tags, deployments and Pulumi's record of updates."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from convos_infra.railway.snapshot import Snapshot
from ops.history.past_updates import PastDeployment, lines, moment, parsed
from ops.history.update_origin import commit, origin
from ops.images import pinnable
from ops.images.commits import title_of
from ops.images.pinnable import Pinnable, chosen, with_untagged
from ops.images.running_images import running_images
from ops.status.recorded import Recorded, Resource

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OLD, NEW = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
WHERE = "ghcr.io/xmtplabs/convos-runtime"
COMMITS = ["c" * 40, "b" * 40, "a" * 40]


def test_tags_of_branches_come_first_and_of_commits_the_newest() -> None:
    tags = ["sha-aaaaaaa", "pr-1", "sha-ccccccc", "scaling", "sha-fffffff", "sha-bbbbbbb", f"sha256-{'1' * 64}.sig"]
    assert chosen(tags, COMMITS, {"scaling"}, 3) == ["scaling", "sha-ccccccc", "sha-bbbbbbb", "sha-aaaaaaa"]
    assert chosen(tags, COMMITS, {"scaling"}, 9)[-1] == "sha-fffffff", "unknown to this checkout: last, and not lost"
    assert chosen(tags, [], set(), 9) == ["sha-aaaaaaa", "sha-bbbbbbb", "sha-ccccccc", "sha-fffffff"]
    assert chosen([], COMMITS, {"scaling"}, 9) == []


def test_an_image_that_runs_and_has_no_tag_is_listed_by_its_digest() -> None:
    rows = [Pinnable("sha-aaaaaaa", OLD, NOW - timedelta(days=2)), Pinnable("broken", ""), Pinnable("new", NEW, NOW)]
    other = f"sha256:{'3' * 64}"
    found = with_untagged(rows, {OLD: ("web",), other: ("2 agents",)})
    assert [row.tag for row in found] == ["new", "sha-aaaaaaa", "broken", ""]
    assert found[-1] == Pinnable("", other, runs=("2 agents",), note=pinnable.UNTAGGED)
    text = "\n".join(pinnable.lines([*found, Pinnable("evil", NEW, title="a\x1b[31m\nb")], NOW))
    assert "2 days old" in text
    assert "\x1b" not in text
    assert len(text.splitlines()) == 6
    assert json.dumps([row.document() for row in found])


def test_who_runs_which_image_is_told_without_images_of_other_repositories() -> None:
    def running(image: str) -> dict[str, Any]:
        return {"latestDeployment": {"id": "d", "status": "SUCCESS", "createdAt": "t", "meta": {"image": image}}}

    instances = {
        "canary": running(f"{WHERE}:scaling@{NEW}"),
        "pool": running(f"ghcr.io/xmtplabs/convos-pool:x@{OLD}"),
        "agent1": running(f"{WHERE}@{OLD}"),
        "agent2": running(f"{WHERE}:sha-1@{OLD}"),
        "twin": running(f"{WHERE}-else@{OLD}"),
    }
    names = {"canary": "convos-runtime-canary", "pool": "convos-agent-pool-manager", "twin": "twin"}
    names |= {"agent1": "convos-agent-aaa", "agent2": "convos-agent-bbb"}
    config = {"services": {"pool": {"variables": {"RAILWAY_RUNTIME_IMAGE": {"value": f"{WHERE}:scaling@{NEW}"}}}}}
    snapshot = Snapshot("e", "p", "qa", False, config, instances, (), names, {})
    own = tuple(Resource("ServiceInstance", id_, "", {"serviceId": id_}) for id_ in ("canary", "pool"))
    assert running_images(Recorded(own, {}), snapshot, WHERE) == {
        NEW: ("convos-runtime-canary", "new agents"),
        OLD: ("2 agents",),
    }


def test_titles_are_those_of_one_commit_alone() -> None:
    known = {"abc1" + "0" * 36: "one", "abc2" + "0" * 36: "two"}
    assert [title_of(one, known) for one in ("abc1", "abc", "", "ff")] == ["one", "", "", ""]


HISTORY: list[dict[str, Any]] = [
    {
        "kind": "update",
        "result": "succeeded",
        "startTime": "2026-01-02T03:00:00.000Z",
        "endTime": "2026-01-02T03:00:30.000Z",
        "resourceChanges": {"same": 30, "update": 2},
        "environment": {"ci.system": "GitHub Actions", "ci.build.url": "https://github.com/o/r/actions/runs/7"},
        "config": {"convos-infra:imageTag": {"value": "sha-aaaaaaa", "secret": False}, "x:y": {"secret": True}},
    },
    {
        "kind": "update",
        "result": "failed",
        "startTime": "2026-01-01T03:00:00.000Z",
        "endTime": "2026-01-01T03:01:00.000Z",
        "environment": {"git.head": "1a2b3c4d5e", "git.dirty": "true", "git.headName": "refs/heads/dev"},
    },
    {"kind": "update", "startTime": "2026-01-01T02:00:00.000Z"},
]
DEPLOYMENTS = [
    PastDeployment(datetime(2026, 1, 2, 3, 0, 30, 900_000, tzinfo=UTC), f"{WHERE}:sha-aaaaaaa@{NEW}"),
    PastDeployment(datetime(2026, 1, 1, 2, 59, tzinfo=UTC), f"{WHERE}@{OLD}"),
    PastDeployment(datetime(2026, 1, 3, tzinfo=UTC), f"{WHERE}:later@{OLD}"),
]


def test_each_update_has_the_image_that_it_left_and_who_ran_it() -> None:
    new, failed, cut = parsed(HISTORY, DEPLOYMENTS)
    assert (new.image, new.pin, new.seconds, new.changes) == (
        f"{WHERE}:sha-aaaaaaa@{NEW}",
        "sha-aaaaaaa",
        30,
        {"update": 2},
    )
    assert new.by == "GitHub Actions https://github.com/o/r/actions/runs/7"
    assert (failed.image, failed.commit, failed.by) == (f"{WHERE}@{OLD}", "1a2b3c4+", "a shell, branch dev")
    assert (cut.ended_at, cut.seconds, cut.image, cut.result) == ("", None, "", "not ended")
    text = lines([new, failed, cut])
    assert len(text) == 4
    assert "sha256:22222222 sha-aaaaaaa" in text[1]
    assert [row.image for row in parsed(HISTORY, [])] == ["", "", ""]
    assert json.dumps([row.document() for row in (new, failed, cut)])


@pytest.mark.parametrize(
    ("environment", "who"),
    [
        ({}, "a shell"),
        ({"git.author": "Ada"}, "a shell"),
        ({"ci.system": "GitHub Actions"}, "GitHub Actions"),
        ({"ci.system": "GitHub Actions", "ci.build.number": "7"}, "GitHub Actions 7"),
    ],
)
def test_the_author_of_the_last_commit_is_not_who_deployed(environment: dict[str, str], who: str) -> None:
    assert origin(environment) == who
    assert commit(environment) == ""


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-01-01T00:00:00", 7])
def test_what_is_no_moment_is_none(text: object) -> None:
    assert moment(text) is None
