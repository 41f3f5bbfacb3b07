"""Pages in a browser can reach loopback: names, origins, tokens and bodies, against a running emulator."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from emulator.guard import refusal
from emulator.settings import Settings
from tests.emulator.fix_emulator import ROOT, Emulator, free_port, until

if TYPE_CHECKING:
    from pathlib import Path

PATHS = ("/", "/healthz", "/graphql/v2", "/_emulator/calls", "/_emulator/settings", "/nothing")
FAULT = '{"kind": "502", "operation": "no_such_operation"}'


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": ""},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "169.254.169.254"},
        {"Host": "[::1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_every_path_is_refused_to_a_page_of_another_site(emulator: Emulator, headers: dict[str, str]) -> None:
    send = {"Authorization": f"Bearer {emulator.token}", "Content-Type": "application/json", **headers}
    for path in PATHS:
        for method in ("GET", "POST", "OPTIONS"):
            answer = emulator.session.request(method, f"{emulator.base}{path}", data=FAULT, headers=send, timeout=10)
            assert answer.status_code == 403, (method, path)
            assert "Access-Control-Allow-Origin" not in answer.headers


def test_its_own_page_and_clients_of_this_machine_are_answered(emulator: Emulator) -> None:
    port = emulator.base.rpartition(":")[2]
    own = {"Origin": emulator.base, "Sec-Fetch-Site": "same-origin"}
    for headers in ({}, own, {"Host": f"localhost:{port}"}, {"Host": f"host.docker.internal:{port}"}):
        assert emulator.session.get(f"{emulator.base}/healthz", headers=headers, timeout=10).status_code == 200, headers


@pytest.mark.parametrize(
    ("authorization", "kind", "status"),
    [
        ("", "text/plain", 401),
        ("", "application/json", 401),
        ("Bearer wrong", "application/json", 401),
        ("Basic {}", "application/json", 401),
        ("Bearer {}", "text/plain", 415),
        ("Bearer {}", "application/x-www-form-urlencoded", 415),
        ("Bearer {}", "application/json; charset=utf-8", 200),
    ],
)
def test_a_switch_wants_the_token_and_json(emulator: Emulator, authorization: str, kind: str, status: int) -> None:
    headers = {"Authorization": authorization.format(emulator.token), "Content-Type": kind}
    url = f"{emulator.admin_url}/faults"
    assert emulator.session.post(url, data=FAULT, headers=headers, timeout=10).status_code == status
    without = {"Content-Type": "application/json"}
    assert emulator.session.delete(url, headers=without, timeout=10).status_code == 401
    emulator.admin("DELETE", "/faults")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        *(
            ("/faults", body)
            for body in ("", "{", "[]", "7", "null", "[" * 100_000, '{"kind": "slow", "seconds": NaN}')
        ),
        *(("/faults", f'{{"kind": "slow", {more}}}') for more in ('"seconds": -1', '"times": 0', '"times": "2"')),
        *(("/faults", f'{{"kind": "slow", {more}}}') for more in ('"after": -1', '"after": true', '"operation": 7')),
        *(("/faults", body) for body in ('{"kind": "slow", "seconds": 1e999}', "{}", '{"kind": "slow", "x": 1}')),
        *(("/settings", body) for body in ("", "{", "[]", '{"latency_ms": -1}', '{"latency_ms": "much"}')),
        *(("/settings", f'{{"latency_ms": {value}}}') for value in ("null", "true", "NaN", "1e999", "[]", '"7"')),
        *(("/settings", body) for body in ('{"requests_per_second": 1.5}', '{"outcomes": []}', '{"image_check": 1}')),
        *(("/deployments", body) for body in ("", "[]", "7", "{")),
        *(("/volume_instances", body) for body in ("", "[]", "7", "{")),
    ],
)
def test_a_body_that_cannot_be_is_400_and_changes_nothing(emulator: Emulator, path: str, body: str) -> None:
    before = emulator.admin("GET", "/settings")
    headers = {"Authorization": f"Bearer {emulator.token}", "Content-Type": "application/json"}
    method = "PATCH" if path == "/settings" else "POST"
    answer = emulator.session.request(method, f"{emulator.admin_url}{path}", data=body, headers=headers, timeout=10)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]
    assert emulator.admin("GET", "/settings") == before
    assert emulator.run("query { me { id } }")["me"]["id"], "no fault was planted"


def test_alone_it_makes_a_token_of_its_own_and_keeps_it(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name != "EMULATOR_ACCOUNT_TOKEN"}
    found = []
    for _ in range(2):
        command = [sys.executable, "-m", "emulator", "--listen", f"127.0.0.1:{free_port()}", "--docker", "off"]
        command += ["--state", str(tmp_path / "state"), "--data", str(tmp_path / "data")]
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
        file = tmp_path / "data" / "account-token"
        try:
            until(lambda: "Railway emulator on" in (tmp_path / "log").read_text(), 30.0, lambda: "it does not start")
        finally:
            process.terminate()
            process.wait(30)
        found.append(file.read_text())
        assert file.stat().st_mode & 0o777 == 0o600
        assert str(file) in (tmp_path / "log").read_text()
        assert file.read_text().strip() not in (tmp_path / "log").read_text()
    assert found[0] == found[1]
    assert len(found[0]) > 30


def test_without_a_host_nothing_is_answered() -> None:
    assert refusal("GET", "/", {}, "t") is not None
    assert refusal("GET", "/", {"host": "127.8.9.10:1"}, "t") is None
    assert refusal("POST", "/_emulator/faults", {"host": "[::1]:1", "authorization": "Bearer "}, "t") is not None


def test_settings_of_the_command_line_are_checked_the_same_way() -> None:
    assert Settings().changed({"latency_ms": 5}).latency_ms == 5.0
    with pytest.raises(ValueError, match="latency_ms is 0 or more, not -1"):
        Settings().changed({"latency_ms": -1})
