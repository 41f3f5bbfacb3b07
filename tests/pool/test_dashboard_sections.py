"""What the dashboard shows of a thousand agents: whom to look after comes first, and a search finds the others."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from convos_pool.agents import Agent
from convos_pool.claim import Claim, ClaimDetails
from convos_pool.dashboard.forms import FormContext
from convos_pool.dashboard.invite import invite, qr_code
from convos_pool.dashboard.sections import SHOWN_AGENTS, Filter, changing, claim_details
from convos_pool.dashboard.state import State
from convos_pool.event_store import KeptEvent
from convos_pool.inventory import PoolSnapshot
from convos_pool.railway import Instance
from convos_pool.rollout import Step

AT = datetime(2026, 1, 1, tzinfo=UTC)
IMAGE = "ghcr.io/a/runtime:scaling@sha256:" + "1" * 64
HOSTILE = '<script>alert("x")</script>'


def agent(id_: str, state: str, reason: str = "") -> Agent:
    instance = Instance(f"s-{id_}", f"convos-agent-{id_}", IMAGE, "d", AT, "d1", "SUCCESS", AT, IMAGE)
    return Agent(id_, instance, state, state in {"claimed", "crashed", "unknown"}, True, 0.0, reason)


def shown(snapshot: PoolSnapshot | None, chosen: Filter = Filter(), *, production: bool = False, **more: object) -> str:  # noqa: B008
    environment = "production" if production else "dev"
    state = State(environment, "1", IMAGE, 3, snapshot, (), Step("done", "all have it"), "hold", (), (), (), "")
    return "".join(changing(replace(state, **more), FormContext("t" * 64, production), chosen))  # type: ignore[arg-type]


def a_thousand() -> PoolSnapshot:
    living = {f"a{number:011}": agent(f"a{number:011}", "idle") for number in range(997)}
    for id_, state in (("zclaimed0000", "claimed"), ("zcrashed0000", "crashed"), ("zunknown0000", "unknown")):
        living[id_] = agent(id_, state, "claim outcome unknown: HTTP 500" if state == "unknown" else "")
    return PoolSnapshot(living, {"zclaimed0000": Claim("zclaimed0000", "s", HOSTILE, False, 1.0)}, 0.0)


def rows(text: str) -> list[str]:
    return re.findall(r'<li id="agent-(\w+)"', text)


def test_those_to_look_after_come_first_and_the_rest_is_counted() -> None:
    text = shown(a_thousand())
    assert rows(text)[:4] == ["zunknown0000", "zcrashed0000", "zclaimed0000", "a00000000000"]
    assert len(rows(text)) == SHOWN_AGENTS
    assert f"1000 of 1000 agents, the first {SHOWN_AGENTS} are shown" in text
    assert len(text) < 600_000


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (Filter("A00000000996"), ["a00000000996"]),
        (Filter("", "claimed"), ["zclaimed0000"]),
        (Filter("http 500"), ["zunknown0000"]),
        (Filter("<SCRIPT>"), ["zclaimed0000"]),
        (Filter("zclaimed", "idle"), []),
        (Filter("", "no such state"), []),
    ],
)
def test_a_search_looks_at_ids_names_images_and_reasons(chosen: Filter, found: list[str]) -> None:
    assert rows(shown(a_thousand(), chosen)) == found


def test_what_others_wrote_is_text() -> None:
    text = shown(
        a_thousand(), events=(KeptEvent(0.0, "claim-failed", HOSTILE, HOSTILE),), held=(HOSTILE,), plan=(HOSTILE,)
    )
    assert "<script" not in text
    assert text.count("&lt;script&gt;") == 5


@pytest.mark.parametrize(
    ("state", "acts"),
    [
        ("idle", ["redeploy", "kill"]),
        ("released", ["redeploy", "kill"]),
        ("claimed", ["kill"]),
        ("crashed", ["dismiss"]),
        ("unknown", ["finish", "dismiss"]),
        ("starting", ["kill"]),
        ("sleeping", ["kill"]),
    ],
)
def test_each_state_has_the_acts_that_it_allows(state: str, acts: list[str]) -> None:
    text = shown(PoolSnapshot({"a": agent("a", state)}, {}, 0.0))
    assert re.findall(r'action="/dashboard/(\w+)"', text) == acts
    assert ('href="/dashboard/agents/a"' in text) == (state in {"claimed", "crashed", "unknown"})


@pytest.mark.parametrize(
    ("state", "acts"), [("rolling", ["abort"]), ("waiting", ["abort"]), ("aborted", ["retry"]), ("held", [])]
)
def test_a_rollout_is_stopped_while_it_goes_and_begun_again_when_it_has_stopped(state: str, acts: list[str]) -> None:
    text = shown(PoolSnapshot({}, {}, 0.0), step=Step(state, "x"))
    assert re.findall(r'action="/dashboard/(\w+)"', text) == acts


def test_in_production_each_form_asks_for_a_second_word() -> None:
    text = shown(a_thousand(), production=True)
    assert text.count("<form") == text.count('name="sure"') > 0
    assert 'name="sure"' not in shown(a_thousand())


def test_an_agent_with_older_keys_is_behind() -> None:
    snapshot = PoolSnapshot({"a": agent("a", "idle"), "b": agent("b", "idle")}, {}, 0.0)
    assert "older keys" not in shown(snapshot)
    text = shown(snapshot, keys_behind={"b"})
    assert text.count("older keys") == 1
    assert "1 up to date, 1 behind" in text


def test_an_agent_is_shown_as_claimed_once_its_claim_is_complete() -> None:
    details = ClaimDetails("Ada", HOSTILE, "https://convos.org/v2?i=abc", "", "", "", "")
    reserved = claim_details("a", details)
    assert "its claim is not complete" in reserved
    assert "<script" not in reserved
    assert "claimed 2026-01-01" in claim_details("a", replace(details, claimed_at="2026-01-01"))


def test_before_the_first_look_there_is_a_page() -> None:
    assert "not read yet" in shown(None)


@pytest.mark.parametrize("link", ["javascript:alert(1)", "convos://x", "http://a.b/", '"><script>'])
def test_only_a_link_of_the_web_is_one_to_click(link: str) -> None:
    text = invite(link)
    assert "<a " not in text
    assert "<script" not in text


def test_a_link_is_a_qr_code_whatever_its_length() -> None:
    assert qr_code("https://convos.org/v2?i=abc").startswith('<svg role="img"')
    assert "style" not in qr_code("https://convos.org/" + "x" * 1900)
    assert qr_code("x" * 5000) == ""
