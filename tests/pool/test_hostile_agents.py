"""Agents run what users tell them to: whatever one answers, the pool goes on, in time and on one line of its log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from convos_pool.agent_client import AgentClient, Conversation, Readiness
from convos_pool.agent_keys import AgentKeys
from convos_pool.railway import Instance
from pydantic import ValidationError

from railway_api.printable import escaped
from tests.emulator.fix_emulator import until
from tests.pool.pool_process import Pool
from tests.pool.raw_agent import HEAD, answering, say_all
from tests.pool.surroundings import Surroundings, agents, counts, until_idle

WISH = {"agentName": "Ada", "instructions": "Be brief."}


NONSENSE = [
    b"",
    b"true",
    b"[]",
    b'{"ready": "true"}',
    b'{"ready": 1}',
    b'{"ready": null}',
    b'{"ready": {"ready": true}}',
    b'{"READY": true}',
    b"\xff\xfe",
    b"[" * 60_000,
    b'{"a":' * 10_000,
    b'{"ready": true',
    b'{"ready": NaN}',
    b'{"ready": 1e999999}',
    b'{"ready": true}{"ready": true}',
    b'{"ready": true, "x": "\xff"}',
    b'\xef\xbb\xbf{"ready": true}',
    '{"ready": true}'.encode("utf-16"),
    b'{"ready\\u0000": true}',
]


@pytest.mark.parametrize("body", NONSENSE, ids=lambda body: repr(body[:20]))
def test_an_agent_that_answers_nonsense_is_not_ready(body: bytes) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    instance = Instance("s1", "convos-agent-abcdefghijkm", "i", "d", at, "d1", "SUCCESS", at)
    with answering(say_all(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)) as url:
        client = AgentClient(url, AgentKeys("k", dict), "/pool/health")
        assert client.readiness(instance, "k") is Readiness.NONSENSE
        assert client.which_are_ready([instance]) == frozenset()


def test_an_agent_that_answers_nonsense_stops_nobody(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        (bad, _) = agents(pool)
        around.farm.health[bad["id"]] = (200, b"[" * 60_000)
        until(lambda: counts(pool)["starting"] == 1, 20)
        assert pool.json("POST", "/api/pool/claim", WISH)["instanceId"] != bad["id"]
        until(lambda: [one["state"] for one in listed(pool) if one.get("reason") == "unhealthy: answers nonsense"], 20)
        around.farm.health[bad["id"]] = (200, b"[" * 50_000)
        before = pool.json("GET", "/api/pool/status")["seenAt"]
        until(lambda: pool.json("GET", "/api/pool/status")["seenAt"] > before + 1, 20)
        assert pool.printed().count(f"{bad['id']}: unhealthy: answers nonsense") == 1, "it is named once"
        assert "failed with" not in pool.printed()


def listed(pool: Pool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pool.json("GET", "/api/pool/status")["instances"]
    return found


ANSWERS: list[Any] = [
    {},
    {"conversationId": 7, "inviteUrl": "https://a.b/", "joined": False},
    {"conversationId": "c\x00", "inviteUrl": "https://a.b/", "joined": False},
    {"conversationId": "c", "inviteUrl": "javascript:alert(1)", "joined": False},
    {"conversationId": "c", "inviteUrl": "javascript://a/%0aalert(1)", "joined": False},
    {"conversationId": "c", "inviteUrl": "https://a.b/\nx", "joined": False},
    {"conversationId": "c", "inviteUrl": "https://convos.org@evil.example/", "joined": False},
    {"conversationId": "c", "inviteUrl": "https:///\\\\convos.org:x@evil.example\\\\", "joined": False},
    {"conversationId": "c", "inviteUrl": "https://a.b/" + "x" * 3000, "joined": False},
    {"conversationId": "c" * 300, "inviteUrl": "https://a.b/", "joined": False},
    {"conversationId": "", "inviteUrl": "https://a.b/", "joined": False},
    {"conversationId": "c", "inviteUrl": "https://a.b/", "joined": "yes"},
    {"conversationId": "c", "inviteUrl": None, "joined": False},
    {"conversationId": "\ud800", "inviteUrl": "https://a.b/", "joined": False},
    [],
    "c",
]


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_an_answer_that_names_no_conversation_is_refused_by_its_model(answer: Any) -> None:
    with pytest.raises(ValidationError):
        Conversation.model_validate_json(json.dumps(answer))


def test_an_answer_with_a_nul_costs_the_claim_and_not_the_pool(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        (bad,) = agents(pool)
        body = json.dumps({"conversationId": "c\x00", "inviteUrl": "https://a.b/", "joined": False}).encode()
        around.farm.answers[bad["id"]] = (200, body)
        answer = pool.call("POST", "/api/pool/claim", WISH)
        assert answer.status_code == 500
        assert "the answer does not name a conversation" in answer.json()["error"]
        around.sql("UPDATE agent_metadata SET created_at = now() - interval '10 minutes'")
        until(lambda: counts(pool).get("unknown") == 1, 30, pool.printed)
        until_idle(pool, 1)
        assert pool.json("POST", "/api/pool/claim", WISH)["instanceId"] != bad["id"]


FORGED = "no\r\npool: tick: all is well\n\x1b[2J\x1b[31mred\x07\x00\x85\u2028\u202egnirts\u200b\t\x7f"


def test_what_an_agent_says_is_one_line_of_the_log_without_a_control_character(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        (bad,) = agents(pool)
        around.farm.answers[bad["id"]] = (400, json.dumps({"error": FORGED}).encode())
        pool.call("POST", "/api/pool/claim", WISH)
        until(lambda: "HTTP 400" in pool.printed(), 20)
        (line,) = [json.loads(one)["message"] for one in pool.printed().splitlines() if "HTTP 400" in one]
        assert "no\\r\\npool: tick: all is well\\n\\x1b[2J" in line
        assert not [one for one in pool.printed().splitlines() if one.startswith("pool: tick: all is well")]
        raw = pool.log.read_bytes()
        assert not [byte for byte in raw if byte < 32 and byte != 10]
        assert not [mark for mark in "\x7f\x85\u2028\u202e\u200b" if mark.encode() in raw]


def test_printable_text_stays_as_it_is() -> None:
    for text in ("plain", "Grüße, 東京", "🦊", "a b", "C:\\x"):
        assert escaped(text) == text
    assert escaped(FORGED).isprintable()


def test_readiness_has_a_word_for_each_answer() -> None:
    assert {one.value for one in Readiness} >= {"ready", "not ready", "answers nonsense", "does not answer"}
