"""The rules for tags, over payloads in the form of GitHub's webhooks (tests/workflows/events)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ops.ci.image_tags import BRANCH_TAGS, TagDecision, decide, output

CHECKOUT = Path(__file__).resolve().parents[2]
EVENTS = Path(__file__).parent / "events"
COMMIT = "3b8f1c2d4e5a69788796a5b4c3d2e1f00f1e2d3c"
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
"""A tag's grammar in the OCI distribution specification."""

RULES = [
    ("push-scaling", "push", ("scaling", "sha-3b8f1c2")),
    ("push-dev", "push", ("dev", "sha-3b8f1c2")),
    ("push-staging", "push", ("staging", "sha-3b8f1c2")),
    ("push-main", "push", ("production", "sha-3b8f1c2")),
    ("push-branch-created", "push", ("dev", "sha-3b8f1c2")),
    ("push-other-branch", "push", ()),
    ("push-branch-deleted", "push", ()),
    ("push-tag", "push", ()),
    ("push-tag-named-main", "push", ()),
    ("pull-request", "pull_request", ("pr-98", "sha-3b8f1c2")),
    ("pull-request-fork", "pull_request", ()),
    ("pull-request-fork-deleted", "pull_request", ()),
    ("workflow-dispatch", "workflow_dispatch", ()),
]


def event(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())


@pytest.mark.parametrize(("name", "kind", "tags"), RULES, ids=[rule[0] for rule in RULES])
def test_each_event_gets_its_tags(name: str, kind: str, tags: tuple[str, ...]) -> None:
    decision = decide(kind, event(name))
    assert decision.tags == tags
    assert decision.push is bool(tags)
    assert bool(decision.reason) is not bool(tags), "what pushes nothing says why"


def test_every_payload_has_a_rule() -> None:
    assert {file.stem for file in EVENTS.glob("*.json")} == {rule[0] for rule in RULES}


@pytest.mark.parametrize(("name", "kind", "tags"), RULES, ids=[rule[0] for rule in RULES])
def test_no_ref_becomes_a_tag_that_no_registry_takes(name: str, kind: str, tags: tuple[str, ...]) -> None:
    """Bug 5 of the mission: GITHUB_REF_NAME of a pull request is `98/merge`."""
    assert all(TAG.fullmatch(tag) for tag in decide(kind, event(name)).tags)


def test_a_pull_request_is_named_by_its_head_commit_not_by_the_merge_commit() -> None:
    payload = event("pull-request")
    decision = decide("pull_request", payload)
    assert decision.revision == payload["pull_request"]["head"]["sha"] == COMMIT
    assert payload["pull_request"]["merge_commit_sha"][:7] not in "".join(decision.tags)


def test_a_pull_request_of_dependabot_is_built_and_pushed_nowhere_until_somebody_else_pushes_to_it() -> None:
    payload = event("pull-request")
    decision = decide("pull_request", {**payload, "sender": {"login": "dependabot[bot]"}})
    assert (decision.revision, decision.push) == (COMMIT, False)
    assert "Dependabot" in decision.reason
    for sender in ({"login": "ada"}, {}, None):
        assert decide("pull_request", {**payload, "sender": sender}).push


def test_a_run_again_gives_the_same_tags() -> None:
    assert decide("push", event("push-main")) == decide("push", event("push-main"))


def test_only_main_is_called_production() -> None:
    assert BRANCH_TAGS["main"] == "production"
    assert {branch: tag for branch, tag in BRANCH_TAGS.items() if branch != tag} == {"main": "production"}


@pytest.mark.parametrize("after", [None, "", "3b8f1c2", "0" * 40, COMMIT.upper(), COMMIT + "\n"])
def test_a_commit_that_is_none_is_refused(after: object) -> None:
    with pytest.raises(ValueError, match="names no commit"):
        decide("push", {"ref": "refs/heads/main", "after": after})


def test_the_output_has_full_references() -> None:
    decision = TagDecision(COMMIT, ("dev", "sha-3b8f1c2"))
    assert output(decision, "ghcr.io/xmtplabs/convos-runtime").splitlines() == [
        f"revision={COMMIT}",
        "image=ghcr.io/xmtplabs/convos-runtime",
        "push=true",
        "tags=dev,sha-3b8f1c2",
        "references=ghcr.io/xmtplabs/convos-runtime:dev,ghcr.io/xmtplabs/convos-runtime:sha-3b8f1c2",
        "reason=",
    ]


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "ops/ci/image_tags.py", *args], cwd=CHECKOUT, capture_output=True, text=True, timeout=30
    )


def test_the_command_prints_what_github_output_takes() -> None:
    done = run("pull_request", str(EVENTS / "pull-request.json"), "ghcr.io/XMTPLabs/convos-runtime")
    assert done.returncode == 0
    assert "references=ghcr.io/xmtplabs/convos-runtime:pr-98," in done.stdout
    assert "\nimage=ghcr.io/xmtplabs/convos-runtime\n" in done.stdout, "what follows is put together from this"


def test_a_payload_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = run("push", str(tmp_path / "none.json"))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
