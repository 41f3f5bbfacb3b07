"""The pool's key goes where Railway says at that moment that the pool manager is, never where the state says it was."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from convos_infra.destroy.gate import DestroyGateProvider
from convos_infra.errors import InfraError
from convos_infra.railway.address import addresses
from convos_infra.railway.resources.environment import EnvironmentProvider
from convos_infra.railway.snapshot import Snapshot
from convos_infra.rollout.resource import AgentRolloutProvider
from tests.emulator.fix_emulator import Emulator
from tests.railway.answering_pool import Pool, answering_pool
from tests.railway.stack_double import PREFIX, StackDouble, alive

ROOT = Path(__file__).parents[2]
PLACE = ("projectId", "environmentId", "serviceId", "poolServiceId")
CLAIMED = {"id": "1", "service": f"{PREFIX}ada-1", "state": "claimed"}


@pytest.fixture
def stale() -> Iterator[Pool]:
    """Where the pool manager answered when the state was written: somebody else's by now."""
    with answering_pool() as pool:
        yield pool


@pytest.fixture
def now() -> Iterator[Pool]:
    """Where it answers now."""
    with answering_pool() as pool:
        yield pool


@pytest.fixture
def stack(railway_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, stale: Pool, now: Pool) -> StackDouble:
    monkeypatch.delenv("AGENTS_ON_DESTROY", raising=False)
    config = {"dataOnDestroy": "delete"}
    one = StackDouble(railway_emulator, monkeypatch, f"k-{uuid.uuid4().hex[:12]}", stale, config)
    one.up()
    one.answers_at(now.url)
    stale.asked.clear()
    return one


def with_the_place_forgotten(one: StackDouble, *kinds: Any) -> None:
    """Make it a state of an older release."""
    for kind in kinds:
        made = one.state[kind]
        keep = ("projectId", "environmentId") if kind is DestroyGateProvider else ()
        for key in set(PLACE) - set(keep):
            made.outputs.pop(key, None)
            made.inputs.pop(key, None)


def test_the_gate_and_the_agents_end_are_asked_where_it_is_now(stack: StackDouble, stale: Pool, now: Pool) -> None:
    ids = stack.ids()
    now.agents.append(CLAIMED)
    with pytest.raises(InfraError, match="in use: agent-ada-1"):
        stack.destroy(preview=False)
    now.agents.clear()
    stack.destroy(preview=False)
    assert "/api/pool/retire" in now.asked
    assert stale.asked == []
    assert not any(alive(stack.emulator, ids).values())


def test_a_preview_and_an_update_ask_where_it_is_now(stack: StackDouble, stale: Pool, now: Pool) -> None:
    stack.begin()
    provider, made = stack.provider(AgentRolloutProvider), stack.state[AgentRolloutProvider]
    assert isinstance(provider, AgentRolloutProvider)
    news, failures = provider.checked(made.inputs, {**made.inputs, "variables": {"POOL_ROLLOUT_POLICY": "hold"}})
    assert failures == []
    provider.created(news)
    provider.updated(made.id, made.outputs, news)
    assert set(now.asked) >= {"/version", "/api/pool/rollout/plan", "/api/pool/reopen"}
    assert stale.asked == []


@pytest.mark.parametrize("how", ["removed", "environment gone"])
def test_where_railway_shows_no_place_nobody_is_asked(stack: StackDouble, stale: Pool, now: Pool, how: str) -> None:
    environment = stack.state[EnvironmentProvider].id
    if how == "removed":
        (row,) = json.loads(stack.emulator.snapshot(environment))["deployment"]
        stack.emulator.admin("POST", "/deployments", {"id": row["id"], "status": "REMOVED"})
        with pytest.raises(InfraError, match="unknown whether any is claimed: not asked: Railway shows no"):
            stack.destroy(preview=False)
        stack.config["agentsOnDestroy"] = "delete"
    else:
        stack.emulator.run("mutation d($id: String!) { environmentDelete(id: $id) }", id=environment)
    stack.destroy(preview=False)
    assert stack.state == {}
    assert (stale.asked, now.asked) == ([], [])


def test_an_older_state_is_asked_where_a_service_of_the_stack_still_answers(
    stack: StackDouble, stale: Pool, now: Pool
) -> None:
    with_the_place_forgotten(stack, AgentRolloutProvider, DestroyGateProvider)
    with pytest.raises(InfraError, match="not asked: the state does not contain its service's id"):
        stack.destroy(preview=False)
    assert (stale.asked, now.asked) == ([], [])
    stack.answers_at(stale.url)
    stack.destroy(preview=False)
    assert "/api/pool/retire" in stale.asked


def test_a_state_without_a_place_learns_it_from_its_gate_once_it_was_updated(
    stack: StackDouble, stale: Pool, now: Pool
) -> None:
    with_the_place_forgotten(stack, AgentRolloutProvider)
    stack.destroy(preview=False)
    assert "/api/pool/retire" in now.asked
    assert stale.asked == []


def snapshot(deployment: dict[str, Any] | None, domains: dict[str, Any]) -> Snapshot:
    row = {"serviceName": "pool", "latestDeployment": deployment, "domains": domains}
    return Snapshot("e", "p", "dev", True, {"services": {"s": {}}}, {"s": row}, (), {"s": "pool"}, {})


DOMAINS = {
    "serviceDomains": [
        {"id": "1", "domain": "old.up.railway.app", "deletedAt": "2026-01-01"},
        {"id": "2", "domain": "now.up.railway.app"},
    ],
    "customDomains": [{"id": "3", "domain": "pool.example"}],
}


@pytest.mark.parametrize(
    ("status", "mode", "url", "local", "expected"),
    [
        ("SUCCESS", "", "pool.up.railway.app", False, ("https://now.up.railway.app", "https://pool.example")),
        ("SLEEPING", "", "", False, ("https://now.up.railway.app", "https://pool.example")),
        ("CRASHED", "", "", False, ()),
        ("REMOVED", "", "", False, ()),
        ("SUCCESS", "container", "http://127.0.0.1:1", True, ("http://127.0.0.1:1",)),
        # Without TLS only on this machine, whatever an answer says.
        ("SUCCESS", "container", "http://attacker.example", False, ()),
        ("SUCCESS", "simulated", "", True, ()),
    ],
)
def test_a_service_answers_at_its_living_domains_while_something_serves(
    status: str, mode: str, url: str, *, local: bool, expected: tuple[str, ...]
) -> None:
    meta = {"emulatorMode": mode} if mode else {}
    deployment = {"id": "d", "status": status, "createdAt": "2026-01-01", "meta": meta, "url": url}
    found = snapshot(deployment, DOMAINS)
    assert addresses(found, "s", local=local) == expected
    assert addresses(found, "another", local=local) == ()
    assert addresses(replace(found, instances={}), "s", local=local) == ()


def test_the_way_to_a_pool_manager_is_made_only_where_railway_was_asked() -> None:
    """What else makes a `PoolApi` has to ask Railway first, and then belongs into this list."""
    files = [
        file for folder in ("convos_infra", "components", "ops", "stack") for file in (ROOT / folder).rglob("*.py")
    ]
    made = {str(file.relative_to(ROOT)) for file in files if re.search(r"\bPoolApi\(", file.read_text())}
    assert made == {"convos_infra/rollout/pool_place.py", "ops/demo/stage.py", "ops/status/live_stack.py"}
