"""What a pool manager relies on in a runtime, row by row.

By default the reference runtime and the double of today's. Any other by its image or its address:

    CONTRACT_RUNTIME_IMAGE     a reference; run in a container with CONTRACT_RUNTIME_COMMAND (its edition's own), and
                               with the keys of the file CONTRACT_RUNTIME_ENV_FILE
    CONTRACT_RUNTIME_URL       where one runs that has no conversation yet; its key is CONTRACT_RUNTIME_KEY
    CONTRACT_RUNTIME_EDITION   then (the default) or today
    CONTRACT_RUNTIME_JOIN_URL  an invitation that a real runtime can follow

One that is real makes one real conversation, and one more where it is given an invitation.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from tests import needs
from tests.contract.runtimes import (
    COMMAND,
    COMMAND_TODAY,
    EDITIONS,
    NOW,
    Runtime,
    Start,
    image,
    reference,
    today,
    until,
)

KEY = "contract-key"
URL, IMAGE = os.environ.get("CONTRACT_RUNTIME_URL", ""), os.environ.get("CONTRACT_RUNTIME_IMAGE", "")
JOIN_URL = os.environ.get("CONTRACT_RUNTIME_JOIN_URL", "" if URL or IMAGE else "https://convos.org/v2?i=abc")
KINDS = ["url"] if URL else ["image"] if IMAGE else ["reference", "today"]


@pytest.fixture(scope="module", params=KINDS)
def start(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Start | None:
    """How the runtime under contract is started; None if it runs already."""
    if request.param == "url":
        return None
    if request.param == "image":
        edition = EDITIONS[os.environ.get("CONTRACT_RUNTIME_EDITION", "then")]
        command = os.environ.get("CONTRACT_RUNTIME_COMMAND", COMMAND_TODAY if edition is NOW else COMMAND)
        return image(IMAGE, command, edition, os.environ.get("CONTRACT_RUNTIME_ENV_FILE", ""))
    return {"reference": reference, "today": today}[request.param](tmp_path_factory.mktemp("runtime"))


@pytest.fixture(scope="module")
def runtime(start: Start | None) -> Iterator[Runtime]:
    """One that is ready, and has no conversation at first."""
    edition = EDITIONS[os.environ.get("CONTRACT_RUNTIME_EDITION", "then")]
    there = Runtime(URL.rstrip("/"), os.environ.get("CONTRACT_RUNTIME_KEY", ""), edition, seconds=180)
    with start(KEY) if start else nullcontext(there) as found:
        yield found.wait_ready()


def needs_start(start: Start | None) -> Start:
    if start is None:
        needs.RUNTIME_IMAGE.skip()
    return start


def needs_key(runtime: Runtime) -> None:
    if not runtime.key:
        needs.RUNTIME_KEY.skip()


def guarded(runtime: Runtime) -> list[tuple[str, str]]:
    return [("POST", "/pool/provision"), ("POST", runtime.edition.restart)]


def test_health_tells_in_its_body_that_it_is_ready(runtime: Runtime) -> None:
    answer = runtime.health()
    assert answer is not None
    assert answer.status_code == 200
    assert answer.json()["ready"] is True
    assert set(answer.json()) >= runtime.edition.health


@pytest.mark.parametrize("key", ["", "wrong"])
def test_health_wants_the_key_but_for_todays(runtime: Runtime, key: str) -> None:
    needs_key(runtime)
    answer = runtime.call("GET", "/pool/health", key=key)
    assert answer.status_code == (200 if runtime.edition.has_open_health else 401)


@pytest.mark.parametrize("key", ["", "wrong", f"{KEY}x"])
def test_without_the_key_nothing_is_done(runtime: Runtime, key: str) -> None:
    needs_key(runtime)
    for method, path in guarded(runtime):
        body = {"agentName": "Ada Lovelace", "instructions": "Be brief."}
        assert runtime.call(method, path, body, key=key).status_code == 401, path
    assert runtime.is_ready()


BAD: list[dict[str, Any]] = [
    {},
    {"agentName": "Ada"},
    {"instructions": "Be brief."},
    {"agentName": "", "instructions": "Be brief."},
    {"agentName": "Ada", "instructions": ""},
    {"agentName": 7, "instructions": "Be brief."},
    {"agentName": "Ada", "instructions": ["Be brief."]},
    {"agentName": "Ada", "instructions": None},
]


@pytest.mark.parametrize("body", BAD, ids=str)
def test_a_provision_without_both_texts_is_refused(runtime: Runtime, body: dict[str, Any]) -> None:
    assert runtime.call("POST", "/pool/provision", body).status_code == 400


def test_what_is_not_the_pools_is_the_gateways(runtime: Runtime) -> None:
    """Which paths the gateway has is its own business; that it answers shows."""
    assert runtime.call("GET", "/convos/status").status_code not in (502, 503, 504)


def test_a_websocket_reaches_the_gateway(runtime: Runtime) -> None:
    if not runtime.url.startswith("http://"):
        needs.RUNTIME_PLAIN.skip()
    assert runtime.upgrade("/").split()[1:2] == [b"101"]


def test_a_restarted_gateway_becomes_ready_again(runtime: Runtime) -> None:
    answer = runtime.call("POST", runtime.edition.restart, {"env": {"CONTRACT_SUITE": "1"}})
    assert answer.status_code == 200
    runtime.wait_ready()


def test_a_provision_answers_with_the_invitation_and_a_repeat_fails(runtime: Runtime) -> None:
    answer = runtime.provision()
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert set(found) >= {"ok", "inviteUrl", "conversationId", "joined"}
    assert (found["ok"], found["joined"]) == (True, False)
    assert found["inviteUrl"].startswith("https://")
    assert found["conversationId"]
    again = runtime.provision()
    assert again.status_code == 500
    assert isinstance(again.json()["error"], str)
    assert runtime.is_ready()


def test_an_agent_joins_where_it_is_invited(start: Start | None) -> None:
    if not JOIN_URL:
        needs.RUNTIME_INVITATION.skip()
    with needs_start(start)(KEY) as runtime:
        answer = runtime.wait_ready().provision(joinUrl=JOIN_URL)
        assert answer.status_code == 200, answer.text
        assert answer.json()["joined"] is True


def test_until_it_is_ready_health_says_so_with_200_and_a_provision_is_answered_503(start: Start | None) -> None:
    slow = {"RUNTIME_POLL_MS": "500", "TODAY_START_MS": "500"}  # of our own two, so that there is something to see
    with needs_start(start)(KEY, **slow) as runtime:
        answers: list[tuple[int, bool, int]] = []

        def asked() -> bool:
            answer = runtime.health()
            if answer is not None:
                # A body that is refused in any case: this must make no conversation.
                provision = runtime.call("POST", "/pool/provision", {}).status_code
                answers.append((answer.status_code, answer.json()["ready"], provision))
            return bool(answers) and answers[-1][1] is True

        until(asked, runtime.seconds, "ready")
        assert {status for status, _, _ in answers} == {200}
        assert answers[0] == (200, False, 503)
        assert answers[-1] == (200, True, 400)
        assert {provision for _, _, provision in answers} == {503, 400}


def test_without_a_key_every_route_is_open(start: Start | None) -> None:
    with needs_start(start)() as runtime:
        runtime.wait_ready()
        assert runtime.call("GET", "/pool/health", key="").status_code == 200
        assert runtime.call("POST", "/pool/provision", {}, key="").status_code == 400
        assert runtime.call("POST", runtime.edition.restart, {}, key="").status_code == 200
