"""The wait for deployments, over histories as Railway's documentation and others describe them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from convos_infra.railway.deployment import DeploymentFailed, DeploymentState, Verdict, parsed, verdict
from convos_infra.railway.poll import Poll
from convos_infra.railway.waiter import Awaited, wait
from railway_api.client import Client
from railway_api.failure import Failure
from tests.railway.scripted import Answer, FakeTime, data, said, scripted

HISTORIES = {
    path.stem: json.loads(path.read_text())
    for path in sorted((Path(__file__).parents[1] / "unit" / "railway" / "deployments").glob("*.json"))
}
ENDS = {"good": Verdict.GOOD, "bad": Verdict.BAD, "other": Verdict.RUNS_ANOTHER, "timeout": Verdict.WAIT}


def test_there_are_histories_of_all_ends() -> None:
    assert len(HISTORIES) >= 12
    assert {history["ends"] for history in HISTORIES.values()} == set(ENDS)


def state(row: Mapping[str, Any]) -> DeploymentState:
    found = parsed(row)
    assert found is not None
    return found


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_is_waited_for_until_its_end_and_not_shorter(name: str) -> None:
    history = HISTORIES[name]
    *before, last = [verdict(state(row), history["image"]) for row in history["history"]]
    assert set(before) <= {Verdict.WAIT}
    assert last is ENDS[history["ends"]]


@pytest.mark.parametrize("name", HISTORIES)
def test_a_wait_over_a_history_ends_as_it_should_and_says_why(name: str) -> None:
    history, time, told = HISTORIES[name], FakeTime(), list[str]()
    answers = [data({"d0": row}) for row in history["history"]]
    logs = data({"deploymentLogs": [{"message": line, "timestamp": ""} for line in history["logs"]]})
    with scripted(*answers) as server:
        client = _client(server.endpoint, time, told)
        item = Awaited("web", "s-1", "e-1", "d-1", image=history["image"], secrets=("s3cret-value",))
        if history["ends"] == "good":
            done = wait(Poll(client), client, [item], history["timeout"])
            assert done["web"].status in ("SUCCESS", "SLEEPING")
            return
        if history["ends"] != "timeout":
            server.answers.append(logs)
        with pytest.raises(DeploymentFailed) as caught:
            wait(Poll(client), client, [item], history["timeout"])
    text = str(caught.value)
    for part in history["says"]:
        assert part in text
    assert "\n" not in text
    assert text.count(" | ") < 30
    if history["ends"] == "timeout":
        assert history["timeout"] <= time.now <= history["timeout"] + 10


def _client(endpoint: str, time: FakeTime, told: list[str]) -> Client:
    return Client(
        endpoint, "t", sleep=time.sleep, clock=time.clock, wall=time.wall, rng=lambda: 0.5, progress=told.append
    )


def row(id_: str, status: str, image: str = "") -> dict[str, Any]:
    return {"id": id_, "status": status, "meta": {"image": image}}


@pytest.mark.parametrize(
    ("given", "blamed"),
    [
        (
            {"DATABASE_URL": "", "A": ""},
            "it was deployed with empty references: DATABASE_URL (${{db.URL}}); bring back",
        ),
        ({"DATABASE_URL": "postgresql://x"}, "fix the image or its settings"),
        ({}, "fix the image or its settings"),
        (None, "fix the image or its settings"),
    ],
)
def test_a_crash_by_an_empty_reference_is_not_told_as_a_fault_of_the_image(given: Any, blamed: str) -> None:
    time = FakeTime()
    logs = data({"deploymentLogs": [{"message": "Error: no database", "timestamp": ""}]})
    with scripted(data({"d0": row("d-1", "CRASHED")}), logs, data({"d0": {"variables": given}})) as server:
        client = _client(server.endpoint, time, [])
        item = Awaited("web", "s-1", "e-1", "d-1", references={"DATABASE_URL": "${{db.URL}}"})
        with pytest.raises(DeploymentFailed, match=re.escape(blamed)):
            wait(Poll(client), client, [item], 60.0)


def test_the_last_thirty_log_lines_are_shown_without_secrets() -> None:
    time = FakeTime()
    lines = [{"message": f"line {n} with s3cret-value", "timestamp": ""} for n in range(35)]
    with scripted(data({"d0": row("d-1", "CRASHED")}), data({"deploymentLogs": lines})) as server:
        client = _client(server.endpoint, time, [])
        with pytest.raises(DeploymentFailed) as caught:
            wait(Poll(client), client, [Awaited("web", "s", "e", "d-1", secrets=("s3cret-value",))], 60)
    text = str(caught.value)
    assert "line 5 with [secret] |" in text
    assert "line 34 with [secret]" in text
    assert "line 4 " not in text
    assert "s3cret" not in text


def test_a_status_is_told_when_it_changes_and_now_and_then_while_it_does_not() -> None:
    time, told = FakeTime(), list[str]()
    answers = [data({"d0": row("d-1", status)}) for status in ["QUEUED", *["BUILDING"] * 12, "SUCCESS"]]
    with scripted(*answers) as server:
        client = _client(server.endpoint, time, told)
        wait(Poll(client), client, [Awaited("web", "s", "e", "d-1")], 600)
    assert told[0] == "web: QUEUED, 0 s"
    assert told[1].startswith("web: QUEUED -> BUILDING, ")
    assert told[-1].startswith("web: BUILDING -> SUCCESS, ")
    assert 4 <= len(told) <= 8


def test_an_old_success_is_not_this_deployment() -> None:
    """The poll asks by id: what another deployment of the service is does not count."""
    time = FakeTime()
    with scripted(data({"d0": row("d-2", "DEPLOYING")}), data({"d0": row("d-2", "SUCCESS")})) as server:
        client = _client(server.endpoint, time, [])
        done = wait(Poll(client), client, [Awaited("web", "s", "e", "d-2")], 60)
    assert done["web"].id == "d-2"
    assert [asked.body["variables"] for asked in server.asked] == [{"d0": "d-2"}] * 2


def test_an_old_snapshot_that_runs_is_replaced_by_one_deployment_of_the_stored_config() -> None:
    time, told = FakeTime(), list[str]()
    old, new = "r/x@sha256:" + "b" * 64, "r/x@sha256:" + "a" * 64
    answers = [
        data({"d0": row("d-1", "SUCCESS", old)}),
        data({"serviceInstance": {"latestDeployment": {"id": "d-1"}}}),
        data({"serviceInstanceDeployV2": "d-2"}),
        data({"d0": row("d-1", "REMOVED", old), "d1": row("d-2", "SUCCESS", new)}),
    ]
    with scripted(*answers) as server:
        client = _client(server.endpoint, time, told)
        done = wait(Poll(client), client, [Awaited("web", "s", "e", "d-1", image=new, may_redeploy=True)], 60)
    assert done["web"].id == "d-2"
    assert "SUCCESS and runs another image; deploying the stored configuration again" in told[1]
    assert server.operations.count("serviceInstanceDeployV2") == 1


def test_what_this_run_has_deployed_itself_is_not_deployed_again() -> None:
    with scripted(data({"d0": row("d-1", "FAILED")}), data({"deploymentLogs": []})) as server:
        client = _client(server.endpoint, FakeTime(), [])
        with pytest.raises(DeploymentFailed):
            wait(Poll(client), client, [Awaited("web", "s", "e", "d-1", may_redeploy=False)], 60)
    assert "serviceInstanceDeployV2" not in server.operations


def test_a_timeout_names_what_else_is_under_way() -> None:
    both = data({"d0": row("d-1", "BUILDING"), "d1": row("d-2", "QUEUED")})
    with scripted(both) as server:
        client = _client(server.endpoint, FakeTime(), [])
        with pytest.raises(DeploymentFailed, match="web: deployment d-1 is still BUILDING.*still under way: api"):
            wait(Poll(client), client, [Awaited("web", "s", "e", "d-1"), Awaited("api", "s", "e", "d-2")], 20)


def test_one_deployment_that_was_deleted_does_not_take_the_others_along() -> None:
    gone = said("Deployment not found")
    one = data({"d0": row("d-1", "SUCCESS")})
    with scripted(gone, one, gone, gone, one, gone) as server:
        client = _client(server.endpoint, FakeTime(), [])
        poll = Poll(client)
        with poll.watching("d-1"), poll.watching("d-2"):
            found = poll.states(0, subject="x")
        assert isinstance(found["d-1"], DeploymentState)
        assert isinstance(found["d-2"], Failure)
        server.answers = [gone]
        with pytest.raises(Failure, match="api: deployment d-2 cannot be found any more.*not found"):
            wait(Poll(client), client, [Awaited("api", "s", "e", "d-2")], 600)


def test_a_deployment_that_does_not_show_yet_is_waited_for() -> None:
    time = FakeTime()
    answers: list[Answer] = [said("Deployment not found")] * 3
    with scripted(*answers, data({"d0": row("d-1", "SUCCESS")})) as server:
        client = _client(server.endpoint, time, [])
        assert wait(Poll(client), client, [Awaited("web", "s", "e", "d-1")], 60)["web"].status == "SUCCESS"
    assert len(server.asked) == 4
