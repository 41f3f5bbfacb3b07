"""Which deployment is the one that is waited for, and when it is good."""

from __future__ import annotations

import pytest

from convos_infra.railway.deployment import (
    BAD,
    GOOD,
    MOVING,
    DeploymentFailed,
    DeploymentState,
    parsed,
    runs,
    telling_line,
)

A, B = "r/x:1@sha256:" + "a" * 64, "r/x:1@sha256:" + "b" * 64


@pytest.mark.parametrize(
    ("running", "wanted", "is_it"),
    [
        (A, A, True),
        (A, B, False),
        (A, "r/x:2@sha256:" + "a" * 64, True),
        ("r/x:1", "r/x:1", True),
        ("r/x:1", "r/x:2", False),
        ("", A, True),
        (A, "", True),
    ],
)
def test_a_deployment_is_matched_by_digest_then_by_reference(running: str, wanted: str, is_it: bool) -> None:
    assert runs(DeploymentState("d", "SUCCESS", image=running), wanted) is is_it


def test_a_tag_deployment_is_matched_by_the_digest_in_its_meta() -> None:
    state = parsed({"id": "d", "status": "SUCCESS", "meta": {"image": "r/x:1", "imageDigest": "sha256:" + "a" * 64}})
    assert state is not None
    assert runs(state, A)
    assert not runs(state, B)


def test_every_status_is_good_bad_or_moving_and_only_one_of_them() -> None:
    public = {"QUEUED", "WAITING", "NEEDS_APPROVAL", "INITIALIZING", "BUILDING", "DEPLOYING", "SUCCESS", "SLEEPING"}
    public |= {"FAILED", "CRASHED", "SKIPPED", "REMOVING", "REMOVED"}
    assert public == GOOD | BAD | MOVING
    assert len(GOOD) + len(BAD) + len(MOVING) == len(public)


def test_a_failure_names_service_status_time_lines_and_url() -> None:
    state = DeploymentState("d-1", "CRASHED", url="https://x.up.railway.app")
    error = DeploymentFailed("canary", state, seconds=12.3, lines=["one", "two"], timed_out=False)
    text = str(error)
    for part in ("canary: deployment d-1 ended CRASHED after 12 s", "one | two", "https://x.up.railway.app"):
        assert part in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["one"], "one"),
        (["one", "two"], "two"),
        (
            ["OPENROUTER_API_KEY is missing", "waits", "health check of /pool/health failed for 60 s"],
            "OPENROUTER_API_KEY is missing",
        ),
        (["starts", "Healthcheck failed!"], "Healthcheck failed!"),
        (["Error: first", "at file.js:3", "Error: second", "bye"], "Error: second"),
    ],
)
def test_the_line_that_says_why_comes_first(lines: list[str], told: str) -> None:
    assert telling_line(lines) == told
    error = DeploymentFailed("canary", DeploymentState("d-1", "FAILED"), seconds=60, lines=lines, timed_out=False)
    assert str(error).startswith(f"canary: deployment d-1 ended FAILED after 60 s: {told}")
