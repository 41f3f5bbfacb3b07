"""The contract of `node scripts/pool-server.js`, the start command on Railway."""

from __future__ import annotations

import signal
import socket
import time

from runtime_process import Start, eventually


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_it_is_ready_only_once_its_gateway_answers(start: Start) -> None:
    server = start()
    eventually(lambda: listens(server.port), "listening")
    status, body = server.call("GET", "/pool/health")
    assert (status, body) in ((503, {"ready": False}), (200, {"ready": True}))
    server.wait_ready()
    assert server.call("GET", "/pool/health") == (200, {"ready": True})
    assert listens(server.gateway_port)


def test_a_gateway_that_never_gets_ready_keeps_the_health_at_503(start: Start) -> None:
    server = start(RUNTIME_NEVER_READY="1")
    eventually(lambda: listens(server.gateway_port), "the gateway listening")
    time.sleep(1.5)  # more than one poll of the gateway
    assert server.call("GET", "/pool/health") == (503, {"ready": False})


def test_it_exits_when_its_gateway_exits(start: Start) -> None:
    server = start(RUNTIME_EXIT="1")
    assert server.process.wait(10) == 1
    assert "the gateway ended (exit code 1), so do we" in server.log.read_text()


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


def test_a_restarted_gateway_becomes_ready_again(start: Start) -> None:
    server = start(POOL_API_KEY="k").wait_ready()
    assert server.call("POST", "/pool/restart-gateway")[0] == 401
    assert server.call("POST", "/pool/restart-gateway", token="k") == (200, {"ok": True})
    server.wait_ready()
    assert server.process.poll() is None


def test_provisioning_needs_the_key_where_one_is_set(start: Start) -> None:
    server = start(POOL_API_KEY="right").wait_ready()
    body = {"agentName": "a"}
    assert server.call("POST", "/pool/provision", body)[0] == 401
    assert server.call("POST", "/pool/provision", body, token="wrong")[0] == 401
    assert server.call("POST", "/pool/provision", body, token="right")[0] == 200


def test_provisioning_twice_gives_the_same_conversation_and_no_second_one(start: Start) -> None:
    server = start().wait_ready()
    status, first = server.call("POST", "/pool/provision", {"agentName": "a", "instructions": "be kind"})
    assert status == 200
    assert set(first) == {"conversationId", "inviteUrl", "joined"}
    assert server.call("POST", "/pool/provision", {"agentName": "a", "instructions": "be kind"}) == (200, first)
    assert server.call("POST", "/pool/provision", {"agentName": "b"})[0] == 409


def test_a_conversation_survives_a_new_deployment_on_the_volume(start: Start) -> None:
    old = start()
    (old.state / "volume").mkdir()
    _, first = old.wait_ready().call("POST", "/pool/provision", {"agentName": "a"})
    old.process.terminate()
    old.process.wait(5)
    new = start().wait_ready()
    assert new.call("POST", "/pool/provision", {"agentName": "a"}) == (200, first)


def test_bad_requests_are_answered_with_their_reason(start: Start) -> None:
    server = start().wait_ready()
    assert server.call("POST", "/pool/provision", raw=b"{")[0] == 400
    assert server.call("POST", "/pool/provision", raw=b"[]")[0] == 400
    assert server.call("POST", "/pool/provision", {"agentName": 7})[0] == 400
    assert server.call("POST", "/pool/provision", raw=b'{"agentName":"' + b"a" * 300_000 + b'"}')[0] == 413
    assert server.call("GET", "/pool/provision")[0] == 405
    assert server.call("GET", "/elsewhere")[0] == 404


def test_a_port_that_is_no_port_is_refused_in_one_line(start: Start) -> None:
    server = start(PORT="http")
    assert server.process.wait(10) == 1
    assert server.log.read_text() == 'PORT: must be a port from 1 to 65535, not "http"\n'
