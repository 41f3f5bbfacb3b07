"""Subscriptions over WebSocket: what is told, to whom, in which order, and how a connection ends."""

from __future__ import annotations

import select
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.emulator.fix_emulator import Emulator, running_emulator
from tests.emulator.subscriber import DEPLOYMENT, LOGS, Subscriber
from tests.emulator.world import World

ENVIRONMENT_LOGS = """subscription E($id: String!, $limit: Int, $from: String) {
  environmentLogs(environmentId: $id, beforeLimit: $limit, beforeDate: $from, afterLimit: 0) {
    timestamp message tags { deploymentId serviceId }
  }
}"""
DEPLOY = "mutation d($s: String!, $e: String!) { serviceInstanceDeployV2(serviceId: $s, environmentId: $e) }"
TOKEN = "mutation t($input: ProjectTokenCreateInput!) { projectTokenCreate(input: $input) }"


@pytest.fixture(scope="module")
def walking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator whose deployments are seen in each status, and whose readers may be slow for a second."""
    folder = tmp_path_factory.mktemp("walking")
    with running_emulator(folder, deploy_step_seconds=0.15, slow_reader_seconds=1) as emulator:
        yield emulator


def _deploy(world: World, service: str) -> str:
    made = world.run(DEPLOY, s=service, e=world.environment_id)["serviceInstanceDeployV2"]
    return str(made)


def test_a_deployment_is_told_as_it_is_and_then_after_each_change(walking: Emulator) -> None:
    world = World.new(walking)
    service = world.running("web")
    deployment = _deploy(world, service)
    with Subscriber(walking) as socket:
        socket.subscribe(DEPLOYMENT, id=deployment)
        seen = [socket.data()["deployment"]]
        while seen[-1]["status"] != "SUCCESS":
            seen.append(socket.data()["deployment"])
        walk = ["QUEUED", "INITIALIZING", "BUILDING", "DEPLOYING", "SUCCESS"]
        # Each status once, in its order; one that is over before anybody looks is not told.
        at = [walk.index(row["status"]) for row in seen]
        assert at == sorted(set(at))
        assert len(at) > 1
        assert {row["id"] for row in seen} == {deployment}
        world.run("mutation r($id: String!) { deploymentRemove(id: $id) }", id=deployment)
        assert socket.data()["deployment"] == {"id": deployment, "status": "REMOVED", "deploymentStopped": True}
        # An answer to a ping comes after whatever else was to be told: there is nothing.
        socket.send("ping")
        assert socket.receive() == {"type": "pong"}


def test_what_restart_of_the_cli_waits_for_is_told_at_once(emulator: Emulator, world: World) -> None:
    service = world.running("web")
    deployment = world.deployments(service)[0]["id"]
    world.run("mutation r($id: String!) { deploymentRestart(id: $id) }", id=deployment)
    with Subscriber(emulator) as socket:
        socket.subscribe(DEPLOYMENT, id=deployment)
        assert socket.data()["deployment"]["status"] == "SUCCESS"


def test_lines_of_a_log_are_told_once_each_and_in_order(walking: Emulator) -> None:
    world = World.new(walking)
    service = world.running("web")
    deployment = _deploy(world, service)
    with Subscriber(walking) as socket:
        socket.subscribe(LOGS, id=deployment, limit=500)
        socket.subscribe(LOGS.replace("deploymentLogs", "buildLogs"), id_="2", id=deployment)
        told: dict[str, list[str]] = {"1": [], "2": []}
        while not all(lines and lines[-1] == "simulated: ready" for lines in told.values()):
            message = socket.receive()
            payload = message["payload"]["data"]
            (lines,) = payload.values()
            assert lines, "an empty message"
            told[message["id"]] += [line["message"] for line in lines]
        query = "query l($id: String!) { deploymentLogs(deploymentId: $id) { message } }"
        whole = [line["message"] for line in world.run(query, id=deployment)["deploymentLogs"]]
        assert told == {"1": whole, "2": whole}
        assert len(whole) > 1


@pytest.mark.parametrize(("limit", "count"), [(0, 0), (1, 1), (2, 2), (None, 3), (100_000, 3), (-5, 0)])
def test_a_log_begins_with_its_last_lines(emulator: Emulator, world: World, limit: int | None, count: int) -> None:
    service = world.running("web")
    deployment = world.deployments(service)[0]["id"]
    whole = world.run("query l($id: String!) { deploymentLogs(deploymentId: $id) { message } }", id=deployment)
    expected = [line["message"] for line in whole["deploymentLogs"]]
    with Subscriber(emulator) as socket:
        socket.subscribe(LOGS, id=deployment, limit=limit)
        socket.subscribe(LOGS, id_="end", id=deployment, limit=1)
        told: dict[str, list[str]] = {"1": []} if count == 0 else {}
        while told.keys() != {"1", "end"}:
            message = socket.receive()
            told.setdefault(message["id"], [])
            told[message["id"]] += [line["message"] for line in message["payload"]["data"]["deploymentLogs"]]
        assert told["1"] == expected[len(expected) - min(count, len(expected)) :]


def test_an_environment_tells_the_lines_of_all_that_is_in_it_and_of_nothing_else(
    emulator: Emulator, world: World
) -> None:
    first = world.running("first")
    elsewhere = World.new(emulator)
    elsewhere.running("other")
    old = world.deployments(first)[0]["id"]
    with Subscriber(emulator) as socket:
        socket.subscribe(ENVIRONMENT_LOGS, id=world.environment_id, limit=1)
        (last,) = socket.data()["environmentLogs"]
        assert last["tags"] == {"deploymentId": old, "serviceId": first}
        second = world.running("second")
        elsewhere.running("another")
        told: list[Any] = []
        while not any(line["message"] == "simulated: ready" for line in told):
            told += socket.data()["environmentLogs"]
        assert {line["tags"]["serviceId"] for line in told} == {second}
        socket.send("complete", id="1")
        socket.subscribe(ENVIRONMENT_LOGS, id=world.environment_id, **{"from": "2999-01-01T00:00:00Z"})
        third = _deploy(world, first)
        told = socket.data()["environmentLogs"]
        assert {line["tags"]["deploymentId"] for line in told} == {third}


def test_a_filter_holds_for_the_first_lines_and_for_those_that_come(walking: Emulator) -> None:
    world = World.new(walking)
    service = world.running("web")
    old = world.deployments(service)[0]
    filtered = (
        "subscription F($id: String!, $f: String) { environmentLogs(environmentId: $id, filter: $f) { message } }"
    )
    with Subscriber(walking) as socket:
        socket.subscribe(filtered, id=world.environment_id, f="ready")
        socket.subscribe(filtered, id_="2", id=world.environment_id, f=f"@snapshot:{old['snapshotId']}")
        told: dict[str, list[str]] = {"1": [], "2": []}
        while not all(told.values()):
            message = socket.receive()
            told[message["id"]] += [line["message"] for line in message["payload"]["data"]["environmentLogs"]]
        assert told["1"] == ["simulated: ready"]
        assert len(told["2"]) > 1
        _deploy(world, service)
        # The second one is told nothing: its lines are of the first deployment.
        message = socket.receive()
        assert (message["id"], message["payload"]["data"]["environmentLogs"]) == (
            "1",
            [{"message": "simulated: ready"}],
        )


def test_who_may_not_read_is_told_so_and_the_operation_ends(emulator: Emulator, world: World) -> None:
    deployment = world.deployments(world.running("web"))[0]["id"]
    other = World.new(emulator)
    token = other.run(TOKEN, input={"projectId": other.project_id, "environmentId": other.environment_id, "name": "t"})
    for headers in ({}, {"Project-Access-Token": token["projectTokenCreate"]}, {"Authorization": "Bearer wrong"}):
        with Subscriber(emulator, headers=headers) as socket:
            socket.subscribe(DEPLOYMENT, id=deployment)
            message = socket.receive()
            assert message["type"] == "next"
            assert [error["message"] for error in message["payload"]["errors"]] == ["Not Authorized"]
            assert socket.receive() == {"type": "complete", "id": "1"}


def test_a_token_that_is_deleted_reads_no_further(emulator: Emulator, world: World) -> None:
    service = world.running("web")
    where = {"projectId": world.project_id, "environmentId": world.environment_id}
    token = world.run(TOKEN, input={**where, "name": "t"})["projectTokenCreate"]
    tokens = world.run(
        "query t($p: String!) { projectTokens(projectId: $p) { edges { node { id } } } }", p=world.project_id
    )
    with Subscriber(emulator, headers={"Project-Access-Token": token}) as socket:
        socket.subscribe(DEPLOYMENT, id=world.deployments(service)[0]["id"])
        assert socket.data()
        id_ = tokens["projectTokens"]["edges"][0]["node"]["id"]
        world.run("mutation d($id: String!) { projectTokenDelete(id: $id) }", id=id_)
        assert "errors" in socket.receive()["payload"]
        assert socket.receive() == {"type": "complete", "id": "1"}


def test_a_reader_that_reads_nothing_is_cut_and_others_are_told_on(walking: Emulator) -> None:
    world = World.new(walking)
    deployment = world.deployments(world.running("web", startCommand="x" * 100_000))[0]["id"]
    # The command is in `meta`: a megabyte each time, ten of which no buffer of the machine's takes.
    fields = " ".join(f"a{number}: meta" for number in range(10))
    wide = f"subscription W($id: String!) {{ deployment(id: $id) {{ {fields} }} }}"
    with Subscriber(walking, receive_bytes=4096) as slow, Subscriber(walking) as other:
        other.subscribe(DEPLOYMENT, id=deployment)
        assert other.data()
        for number in range(10):
            slow.subscribe(wide, id_=str(number), id=deployment)
        # Nothing is read, and the end of the connection is seen all the same.
        ended = select.poll()
        ended.register(slow.raw, 0)
        assert ended.poll(20_000), "the slow reader is connected still"
        assert slow.closed()[0] == 1006
        world.run("mutation r($id: String!) { deploymentRemove(id: $id) }", id=deployment)
        assert other.data()["deployment"]["status"] == "REMOVED"


@pytest.mark.parametrize("kind", ["drop_before", "502", "slow"])
def test_a_planted_fault_cuts_or_delays_a_subscription(walking: Emulator, kind: str) -> None:
    world = World.new(walking)
    deployment = world.deployments(world.running("web"))[0]["id"]
    with Subscriber(walking) as socket:
        walking.fault(kind, operation="deploymentLogs", seconds=0.1)
        socket.subscribe(LOGS, id=deployment)
        if kind == "slow":
            assert socket.data()
        else:
            assert socket.closed()[0] == 1006


def _open_many(emulator: Emulator) -> None:
    with ExitStack() as opened:
        # More than two may begin where the machine is slow, and a second begins meanwhile.
        for _ in range(50):
            opened.enter_context(Subscriber(emulator))


def test_the_limits_of_requests_hold_for_subscriptions(walking: Emulator) -> None:
    try:
        walking.settings(edge_requests_per_second=2, requests_per_hour=3)
        with Subscriber(walking, query="?source=test") as socket:
            for number in range(4):
                socket.subscribe(DEPLOYMENT, id_=str(number), id="x")
            told = [socket.receive() for _ in range(7)]
            assert [m["payload"][0]["message"] for m in told if m["type"] == "error"] == ["Too Many Requests"]
        with pytest.raises(InvalidStatus) as refused:
            _open_many(walking)
        assert refused.value.response.status_code == 429
        assert refused.value.response.headers["Retry-After"] == "1"
    finally:
        walking.settings(edge_requests_per_second=0, requests_per_hour=0)


def test_subscriptions_end_with_the_server(tmp_path: Path) -> None:
    with running_emulator(tmp_path) as emulator:
        world = World.new(emulator)
        deployment = world.deployments(world.running("web"))[0]["id"]
        with Subscriber(emulator) as socket, Subscriber(emulator, init=False) as silent:
            socket.subscribe(DEPLOYMENT, id=deployment)
            assert socket.data()
            emulator.stop(signal.SIGTERM, seconds=15)
            assert (socket.closed()[0], silent.closed()[0]) == (1012, 1012)


def test_a_filter_leaves_out_lines_and_loses_none_that_fit(walking: Emulator) -> None:
    world = World.new(walking)
    first, second = world.running("first"), world.running("second")
    with Subscriber(walking) as socket:
        filtered = ENVIRONMENT_LOGS.replace("$limit: Int", "$filter: String, $limit: Int").replace(
            "beforeLimit:", "filter: $filter, beforeLimit:"
        )
        socket.subscribe(filtered, id=world.environment_id, filter=f"@service:{first} ready", limit=500)
        told = socket.data()["environmentLogs"]
        assert [(line["message"], line["tags"]["serviceId"]) for line in told] == [("simulated: ready", first)]
        _deploy(world, second)
        mine = _deploy(world, first)
        told = socket.data()["environmentLogs"]
        assert [(line["message"], line["tags"]["deploymentId"]) for line in told] == [("simulated: ready", mine)]
