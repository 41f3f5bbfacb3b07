"""The protocol of subscriptions: what a client may send, and what closes its connection."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.emulator.fix_emulator import Emulator
from tests.emulator.subscriber import DEPLOYMENT, Subscriber
from tests.emulator.world import World


def test_the_credential_of_connection_init_counts_where_the_upgrade_has_none(emulator: Emulator, world: World) -> None:
    deployment = world.deployments(world.running("web"))[0]["id"]
    good, bad = {"Authorization": f"Bearer {emulator.token}"}, {"authorization": "Bearer wrong"}
    with Subscriber(emulator, headers={}, init=good) as socket:
        socket.subscribe(DEPLOYMENT, id=deployment)
        assert socket.data()["deployment"]["id"] == deployment
    with Subscriber(emulator, headers=bad, init=good) as socket:
        socket.subscribe(DEPLOYMENT, id=deployment)
        assert "errors" in socket.receive()["payload"]


def test_what_is_not_served_is_named_and_counted(emulator: Emulator) -> None:
    emulator.forget_calls()
    with Subscriber(emulator) as socket:
        socket.subscribe('subscription { deploymentEvents(id: "x") { id } }')
        message = socket.receive()
        assert message["type"] == "error"
        assert message["payload"][0]["message"].startswith("deploymentEvents is an operation of Railway")
        socket.subscribe("query { me { id } }")
        assert socket.receive()["payload"][0]["message"] == "me is not a subscription: it needs a POST"
        socket.subscribe("subscription { nothing")
        assert socket.receive()["type"] == "error"
        socket.subscribe(DEPLOYMENT, id="x")
        assert socket.receive()["payload"]["errors"][0]["message"] == "Deployment not found"
    calls = [(call["type"], call["operation"]) for call in emulator.calls()]
    assert {("invalid", "deploymentEvents"), ("subscription", "deployment")} <= set(calls)


def test_a_subscription_over_http_is_refused_by_name(emulator: Emulator) -> None:
    answer = emulator.post(DEPLOYMENT, {"id": "x"})
    assert answer.status_code == 400
    expected = "deployment is a subscription: it needs a WebSocket of graphql-transport-ws"
    assert [error["message"] for error in answer.json()["errors"]] == [expected]


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        (["{"], 4400),
        (["null"], 4400),
        (["[" * 100_000], 4400),
        (['{"type": "start"}'], 4400),
        (['{"type": ["ping"]}'], 4400),
        (['{"type": "connection_init"}', '{"type": "connection_init"}'], 4429),
        (['{"type": "subscribe", "id": "1", "payload": {"query": "x"}}'], 4401),
        (['{"type": "connection_init"}', '{"type": "subscribe", "payload": {}}'], 4400),
        (['{"type": "connection_init"}', '{"type": "subscribe", "id": "1"}'], 4400),
        (['{"type": "connection_init"}', '{"type": "subscribe", "id": "", "payload": {}}'], 4400),
        (['{"type": "connection_init"}', '{"type": "complete"}'], 4400),
        ([b"\x00"], 4400),
    ],
    ids=lambda value: str(value)[:60],
)
def test_who_breaks_the_protocol_is_closed_with_its_code(emulator: Emulator, messages: list[Any], code: int) -> None:
    with Subscriber(emulator, init=False) as socket:
        for message in messages:
            socket.connection.send(message)
        assert socket.closed()[0] == code


def test_an_id_is_of_one_operation_at_a_time(emulator: Emulator, world: World) -> None:
    deployment = world.deployments(world.running("web"))[0]["id"]
    with Subscriber(emulator) as socket:
        socket.subscribe(DEPLOYMENT, id=deployment)
        assert socket.data()
        socket.send("complete", id="1")
        socket.send("complete", id="never")
        socket.subscribe(DEPLOYMENT, id=deployment)
        assert socket.data()
        socket.subscribe(DEPLOYMENT, id=deployment)
        assert socket.closed() == (4409, "Subscriber for 1 already exists")


def test_a_connection_has_so_many_operations_and_no_more(emulator: Emulator, world: World) -> None:
    deployment = world.deployments(world.running("web"))[0]["id"]
    with Subscriber(emulator) as socket:
        for number in range(101):
            socket.subscribe(DEPLOYMENT, id_=str(number), id=deployment)
        told = [socket.receive() for _ in range(101)]
        assert [message["id"] for message in told if message["type"] == "error"] == ["100"]


def test_another_subprotocol_is_not_taken(emulator: Emulator) -> None:
    with Subscriber(emulator, init=False, protocol="graphql-ws") as socket:
        assert socket.closed()[0] == 4406


@pytest.mark.parametrize(
    ("host", "headers"),
    [
        ("", {"Origin": "http://evil.example"}),
        ("", {"Sec-Fetch-Site": "cross-site"}),
        ("evil.example", {}),
    ],
)
def test_a_page_of_another_site_opens_no_websocket(emulator: Emulator, host: str, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus) as refused:
        Subscriber(emulator, host=host, headers={"Authorization": f"Bearer {emulator.token}", **headers})
    assert refused.value.response.status_code == 403


def test_what_a_client_sends_is_bounded(emulator: Emulator) -> None:
    with Subscriber(emulator) as socket:
        socket.connection.send(json.dumps({"type": "ping", "payload": "x" * 2_000_000}))
        assert socket.closed()[0] == 1009
