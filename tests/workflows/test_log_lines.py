"""What `make logs` shows of what a service printed: each line once, nothing secret, nothing that steers a terminal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from convos_infra.errors import InfraError
from convos_infra.railway.snapshot import Snapshot
from ops.logs.lines import LoggedLine, added, parsed
from ops.logs.source import of_agent, of_service, secrets_of
from ops.status.recorded import Recorded, Resource

KEY = "exa-0123456789"
VARIABLES = {
    "s1": {
        "EXA_API_KEY": KEY,
        "PORT": "8080-not-a-secret",
        "XMTP_ENV": "dev-not-a-secret",
        "REF": "${{a.b}}",
        "NO": "",
    },
    "s2": {"DATABASE_URL": f"postgres://u:{KEY}-2@db/x", "RAILWAY_PROJECT_ID": "an-id-of-railways"},
    "s3": {},
}
NAMES = {"s1": "convos-runtime-canary", "s2": "web", "s3": "convos-agent-ada-abc123def456", "elsewhere": "gone"}
POOL_URN = "urn:pulumi:qa::convos-infra::convos:index:Canary$pulumi-python:dynamic/railway:ServiceInstance::c"


def snapshot() -> Snapshot:
    services = {
        id_: {"variables": {name: {"value": value} for name, value in row.items()}} for id_, row in VARIABLES.items()
    }
    config = {"services": services, "sharedVariables": {"SHARED_KEY": {"value": "shared-secret"}, "SEALED": None}}
    instances: dict[str, Any] = {id_: {} for id_ in VARIABLES}
    return Snapshot("e", "p", "qa", False, config, instances, (), NAMES, {})


def state() -> Recorded:
    return Recorded((Resource("ServiceInstance", "x", POOL_URN, {"serviceId": "s1"}),), {})


def test_a_service_is_found_by_role_or_name_and_an_agent_by_its_id() -> None:
    assert of_service("canary", state(), snapshot()).service_id == "s1"
    assert of_service("web", state(), snapshot()).service_id == "s2"
    agent = of_agent("abc123def456", snapshot())
    assert agent is not None
    assert agent.service_id == "s3"
    for other in ("def456", "", "web", "ada"):
        assert of_agent(other, snapshot()) is None, other
    for unknown in ("pool-manager", "gone", "webb", ""):
        with pytest.raises(InfraError, match=r"has no service .*; one of canary, pool-manager, database, "):
            of_service(unknown, state(), snapshot())


def test_secret_values_of_the_whole_environment_are_masked() -> None:
    secrets = secrets_of(snapshot())
    rows = [{"timestamp": "t", "message": f"key={KEY} url=postgres://u:{KEY}-2@db/x shared-secret dev-not-a-secret"}]
    (line,) = parsed(rows, secrets)
    assert KEY not in line.text
    assert "shared-secret" not in line.text
    assert line.text.endswith("dev-not-a-secret")
    assert "8080-not-a-secret" not in secrets


def test_a_line_steers_no_terminal_and_stays_one_line_of_json() -> None:
    (line,) = parsed([{"timestamp": "2026-01-01T00:00:00.000000Z", "message": "a\x1b[31mb\n::error::c"}], ())
    assert "\x1b" not in line.shown()
    assert "\n" not in line.shown()
    assert json.loads(line.encoded("d"))["message"] == "a\x1b[31mb\n::error::c"
    assert parsed([{}], ()) == [LoggedLine("", "")]


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [
        ("", "abc", "abc"),
        ("abc", "abc", ""),
        ("abc", "abcd", "d"),
        ("abc", "bcde", "de"),
        ("aaa", "aaaa", "a"),
        ("abab", "ababab", "ab"),
        ("abc", "xyz", "xyz"),
        ("abc", "", ""),
        ("cde", "abcde", ""),
        ("cde", "abcdefg", "fg"),
        ("e", "abcde", ""),
    ],
)
def test_each_line_comes_once(before: str, now: str, new: str) -> None:
    def lines(text: str) -> list[LoggedLine]:
        return [LoggedLine("t", one) for one in text]

    assert added(lines(before), lines(now)) == lines(new)
