"""The contract of `node scripts/pool-server.js`, the start command on Railway, beyond what a pool manager sees.

What a pool manager relies on is in tests/contract/test_runtime.py.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from pathlib import Path

import pytest
from runtime_process import PoolServer, Start, eventually

WORDS = {"agentName": "Ada", "instructions": "be kind"}


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def gateway_pid(server: PoolServer) -> int:
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return next(int(pid) for pid in children if b"gateway" in Path(f"/proc/{pid}/cmdline").read_bytes())


def test_it_is_ready_only_once_its_gateway_says_so_and_its_health_is_always_200(start: Start) -> None:
    server = start(RUNTIME_NEVER_READY="1")
    eventually(lambda: listens(server.port), "listening")
    assert server.call("GET", "/pool/health") == (200, {"ready": False})
    eventually(lambda: server.call("POST", "/pool/provision", {})[0] == 400, "the gateway is up")
    time.sleep(0.2)  # more than one poll of the gateway
    assert server.call("GET", "/pool/health") == (200, {"ready": False})
    assert server.process.poll() is None


def test_a_gateway_that_does_not_answer_in_time_after_the_first_start_ends_it(start: Start) -> None:
    server = start(RUNTIME_DEAF="1", RUNTIME_START_MS="300")
    assert server.process.wait(10) == 1
    assert "pool-server: the gateway did not answer in 0.3 s\n" in server.log.read_text()


def test_a_gateway_that_does_not_answer_in_time_after_a_restart_is_not_ready(start: Start) -> None:
    server = start(RUNTIME_START_MS="5000").wait_ready()
    assert server.call("POST", "/pool/restart-gateway", {"env": {"RUNTIME_DEAF": 1}})[0] == 200
    eventually(lambda: "never answers" in server.log.read_text(), "restarted")
    time.sleep(0.3)
    assert server.process.poll() is None
    assert server.call("GET", "/pool/health") == (200, {"ready": False})
    assert server.call("POST", "/pool/provision", WORDS)[0] == 503
    assert server.call("GET", "/convos/status") == (503, {"error": "the gateway is not up"})
    assert server.call("POST", "/pool/restart-gateway", {"env": {"RUNTIME_DEAF": ""}})[0] == 200
    server.wait_ready()


def test_it_exits_when_its_gateway_exits(start: Start) -> None:
    server = start(RUNTIME_EXIT="1")
    assert server.process.wait(10) == 1
    assert "the gateway ended (exit code 1), so this process ends too" in server.log.read_text()


def test_it_exits_when_its_gateway_is_killed(start: Start) -> None:
    server = start().wait_ready()
    os.kill(gateway_pid(server), signal.SIGKILL)
    assert server.process.wait(10) == 1
    assert "the gateway ended (SIGKILL), so this process ends too" in server.log.read_text()


def test_the_status_names_the_revision_of_the_image(start: Start) -> None:
    server = start(CONVOS_RUNTIME_REVISION="1a2b3c4").wait_ready()
    status, body = server.call("GET", "/convos/status")
    assert status == 200
    assert body["ready"] is True
    assert body["image"]["revision"] == "1a2b3c4"


def test_sigterm_ends_it_and_its_gateway_at_once(start: Start) -> None:
    server = start().wait_ready()
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(5) == 0
    assert time.monotonic() - began < 2
    assert not listens(server.gateway_port)


def test_with_a_key_no_route_of_the_pool_is_open_and_without_one_each_is(start: Start) -> None:
    server = start(POOL_API_KEY="right").wait_ready()
    routes = [("GET", "/pool/health"), ("POST", "/pool/provision"), ("POST", "/pool/restart-gateway")]
    for method, path in routes:
        for token in ("", "wrong", "right ", "righ", "right\xff"):
            if token.strip() != "right":
                assert server.call(method, path, token=token)[0] == 401, (path, token)
    assert server.call("GET", "/pool/health", token="right") == (200, {"ready": True})
    assert server.call("POST", "/pool/provision", WORDS, token="right")[0] == 200


def test_a_restarted_gateway_has_the_environment_that_came_with_the_request(start: Start) -> None:
    server = start(POOL_API_KEY="k", OPENCLAW_GATEWAY_TOKEN="old").wait_ready()
    change = {"env": {"OPENCLAW_GATEWAY_TOKEN": "new", "ANSWER": 42}}
    assert server.call("POST", "/pool/restart-gateway", change, token="k") == (200, {"ok": True})
    assert server.call("GET", "/pool/health", token="k") == (200, {"ready": False})
    server.wait_ready()
    assert server.call("GET", "/convos/conversation", token="old")[0] == 401
    assert server.call("GET", "/convos/conversation", token="new") == (200, {"conversationId": None})
    environment = Path(f"/proc/{gateway_pid(server)}/environ").read_bytes().split(b"\0")
    assert b"ANSWER=42" in environment
    assert server.call("POST", "/pool/provision", WORDS, token="k")[0] == 200, "it knows the new token itself"


BAD_ENVIRONMENTS = [
    "x",
    [],
    7,
    {"A": None},
    {"A": {}},
    {"A": "a\0b"},
    {"": "a"},
    {"A=B": "c"},
    {"A B": "c"},
    {"é": "c"},
]


@pytest.mark.parametrize("env", BAD_ENVIRONMENTS, ids=repr)
def test_a_restart_with_an_environment_that_is_none_restarts_nothing(start: Start, env: object) -> None:
    server = start().wait_ready()
    pid = gateway_pid(server)
    assert server.call("POST", "/pool/restart-gateway", {"env": env})[0] == 400
    assert server.call("GET", "/pool/health") == (200, {"ready": True})
    assert gateway_pid(server) == pid


def test_two_restarts_at_once_are_one(start: Start) -> None:
    server = start().wait_ready()
    for _ in range(3):
        assert server.call("POST", "/pool/restart-gateway")[0] == 200
    server.wait_ready()
    assert server.process.poll() is None


def test_a_repeat_fails_after_all_tries_even_in_the_same_words(start: Start) -> None:
    server = start(RUNTIME_PROVISION_TRIES="4", RUNTIME_PROVISION_PAUSE_MS="100").wait_ready()
    status, first = server.call("POST", "/pool/provision", WORDS)
    assert status == 200
    assert set(first) == {"ok", "conversationId", "inviteUrl", "joined"}
    began = time.monotonic()
    status, again = server.call("POST", "/pool/provision", WORDS)
    assert time.monotonic() - began >= 0.3
    assert (status, again) == (
        500,
        {"error": "the gateway failed 4 times; the last answer: 409 this agent is in a conversation already"},
    )


def test_a_provision_outlasts_a_gateway_that_is_away_for_a_moment(start: Start) -> None:
    server = start(RUNTIME_PROVISION_TRIES="200", RUNTIME_PROVISION_PAUSE_MS="50").wait_ready()
    os.kill(gateway_pid(server), signal.SIGSTOP)
    body = json.dumps(WORDS).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(b"POST /pool/provision HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        time.sleep(0.2)
        server.call("POST", "/pool/restart-gateway")
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_conversation_survives_a_new_deployment_on_the_volume(start: Start) -> None:
    old = start(OPENCLAW_GATEWAY_TOKEN="t")
    (old.state / "volume").mkdir()
    _, first = old.wait_ready().call("POST", "/pool/provision", WORDS)
    old.process.terminate()
    old.process.wait(5)
    new = start(OPENCLAW_GATEWAY_TOKEN="t").wait_ready()
    conversation = new.call("GET", "/convos/conversation", token="t")
    assert conversation == (200, {"conversationId": first["conversationId"]})
    assert new.call("POST", "/pool/provision", WORDS)[0] == 500


def test_bad_requests_are_answered_with_their_reason(start: Start) -> None:
    server = start().wait_ready()
    assert server.call("POST", "/pool/provision", raw=b"{")[0] == 400
    assert server.call("POST", "/pool/provision", raw=b"[]")[0] == 400
    assert server.call("POST", "/pool/provision", {"agentName": 7})[0] == 400
    assert server.call("POST", "/pool/provision", {**WORDS, "joinUrl": 7}) == (
        400,
        {"error": "joinUrl: must be a text"},
    )
    assert server.call("POST", "/pool/provision", {**WORDS, "instructions": " "}) == (
        400,
        {"error": "instructions: is required"},
    )
    assert server.call("POST", "/pool/provision", raw=b'{"agentName":"' + b"a" * 300_000 + b'"}')[0] == 413
    assert server.call("GET", "/pool/provision")[0] == 404, "the gateway's answer"
    assert server.call("GET", "/elsewhere")[0] == 404


def test_a_caller_who_goes_away_leaves_no_stack_trace(start: Start) -> None:
    server = start().wait_ready()
    for head in (b"POST /pool/provision", b"POST /convos/conversation"):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(head + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
            time.sleep(0.1)
    time.sleep(0.2)
    assert server.call("GET", "/pool/health") == (200, {"ready": True})
    assert not re.search(r"^\s+at ", server.log.read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("PORT", "http", 'PORT: must be a port from 1 to 65535, not "http"\n'),
        ("PORT", "0", 'PORT: must be a port from 1 to 65535, not "0"\n'),
        ("RUNTIME_START_MS", "1e9", 'RUNTIME_START_MS: must be milliseconds from 1 to 86400000, not "1e9"\n'),
        ("RUNTIME_PROVISION_TRIES", "-1", 'RUNTIME_PROVISION_TRIES: must be a number from 1 to 1000, not "-1"\n'),
        ("RUNTIME_UID", "node", 'RUNTIME_UID: must be a user\'s number, not "node"\n'),
    ],
)
def test_a_setting_that_is_none_is_refused_in_one_line(start: Start, name: str, text: str, line: str) -> None:
    server = start(**{name: text})
    assert server.process.wait(10) == 1
    assert server.log.read_text() == line
