"""What a rollout will do, as tables: which agents move, in which batches, and which stay. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from convos_pool.agents import Agent
from convos_pool.railway import Instance
from convos_pool.rollout import Move, Rollout
from convos_pool.rollout_plan import plan, plan_lines

from pool_contract.policy import Policy

OLD, NEW = "r/agent:1@sha256:" + "1" * 64, "r/agent:2@sha256:" + "2" * 64
OLD_TAG_NEW_DIGEST = "r/agent:1@sha256:" + "2" * 64
AT = datetime(2026, 11, 26, tzinfo=UTC)


def agent(id_: str, state: str = "idle", image: str = OLD, **more: Any) -> Agent:
    claimed = state in ("claimed", "crashed", "unknown")
    instance = Instance(f"s-{id_}", f"convos-agent-{id_}", image, "", AT, "d", "SUCCESS", AT, more.pop("runs", image))
    return Agent(id_, instance, state, claimed, more.pop("ready", state in ("idle", "claimed")), 600.0)


def idle(count: int, image: str = OLD) -> list[Agent]:
    return [agent(f"i{number}", image=image) for number in range(count)]


def policy(kind: str = "redeploy-idle", **more: Any) -> Policy:
    return Policy(kind, **{"canary": 1, "batch": 2, "max_unavailable": 2, **more})


def batches(agents: list[Agent], chosen: Policy, rollout: Rollout | None = None) -> list[list[str]]:
    return [[id_ for id_, _, _ in batch.moves] for batch in plan(agents, chosen, rollout or Rollout(NEW))]


CLAIMED = agent("c0", "claimed")
ROWS: dict[str, tuple[list[Agent], Policy, Rollout, list[list[str]]]] = {
    "nobody is there": ([], policy(), Rollout(NEW), []),
    "hold moves nothing": (idle(3), policy("hold"), Rollout(NEW), []),
    "all have the image": (idle(3, NEW), policy(), Rollout(NEW), []),
    "the digest is the image, not the tag": (idle(2, OLD_TAG_NEW_DIGEST), policy(), Rollout(NEW), []),
    "a canary, then batches": (idle(5), policy(), Rollout(NEW), [["i0"], ["i1", "i2"], ["i3", "i4"]]),
    "no more at once than may be missing": (
        idle(4),
        policy(batch=3, max_unavailable=1),
        Rollout(NEW),
        [[f"i{n}"] for n in range(4)],
    ),
    "a large canary": (idle(4), policy(canary=3, max_unavailable=9), Rollout(NEW), [["i0", "i1", "i2"], ["i3"]]),
    "claimed ones stay under redeploy-idle": ([CLAIMED, *idle(2)], policy(), Rollout(NEW), [["i0"], ["i1"]]),
    "claimed ones stay before their deadline": (
        [CLAIMED, *idle(2)],
        policy("drain-and-replace", replace_claimed=True, deadline_seconds=60),
        Rollout(NEW, seconds=59),
        [["i0"], ["i1"]],
    ),
    "a rollout that was stopped goes no further": (idle(3), policy(), Rollout(NEW, aborted="stopped at batch 1"), []),
    "what goes back is no batch that is to come": (
        [agent("i0", image=NEW), *idle(3)[1:]],
        policy(),
        Rollout(NEW, aborted="stopped at batch 1", aborted_batch=1, moves=(Move("i0", NEW, OLD, 1, 5.0),)),
        [],
    ),
    "what was written down is not still to come": (
        idle(3),
        policy(),
        Rollout(NEW, moves=(Move("i0", NEW, OLD, 1, 5.0),)),
        [["i1", "i2"]],
    ),
    "an agent that is gone has proven nothing": (
        idle(2),
        policy(),
        Rollout(NEW, moves=(Move("gone", NEW, OLD, 1, 5.0, settled=True),)),
        [["i0"], ["i1"]],
    ),
}


@pytest.mark.parametrize(("agents", "chosen", "rollout", "wanted"), ROWS.values(), ids=ROWS)
def test_a_plan(agents: list[Agent], chosen: Policy, rollout: Rollout, wanted: list[list[str]]) -> None:
    assert batches(agents, chosen, rollout) == wanted


def test_a_claimed_agent_moves_once_its_deadline_has_passed() -> None:
    chosen = policy("drain-and-replace", replace_claimed=True, deadline_seconds=60)
    moved = {id_ for batch in batches([CLAIMED, *idle(2)], chosen, Rollout(NEW, seconds=60)) for id_ in batch}
    assert moved == {"c0", "i0", "i1"}


def test_batches_are_numbered_on_from_those_that_were_made() -> None:
    made = Rollout(NEW, moves=(Move("i0", NEW, OLD, 3, 5.0, settled=True),))
    assert [batch.number for batch in plan(idle(5), policy(), made)] == [4, 5]


def test_a_plan_says_from_which_image_to_which() -> None:
    (batch,) = plan(idle(1), policy(), Rollout(NEW))
    # The last idle agent stays until a new one is there to be claimed.
    assert (batch.number, batch.surge) == (1, 1)
    assert batch.as_json()["agents"] == [{"id": "i0", "from": OLD, "to": NEW}]


@pytest.mark.parametrize("count", range(1, 12))
@pytest.mark.parametrize("size", [1, 2, 5])
def test_every_idle_agent_moves_exactly_once(count: int, size: int) -> None:
    found = batches(idle(count), policy(canary=size, batch=size, max_unavailable=size))
    assert sorted(id_ for batch in found for id_ in batch) == sorted(one.id for one in idle(count))
    assert max(len(batch) for batch in found) <= size


TEXTS: dict[str, tuple[list[Agent], Policy, Rollout, list[str]]] = {
    "nobody": ([], policy(), Rollout(NEW), ["policy redeploy-idle: there are no agents yet"]),
    "done": (idle(2, NEW), policy(), Rollout(NEW), [f"policy redeploy-idle: all 2 agents have sha256:{'2' * 8}"]),
    "stopped": (
        idle(1),
        policy(),
        Rollout(NEW, aborted="stopped at batch 1"),
        [f"policy redeploy-idle: 1 agent stays on sha256:{'1' * 8} (1 idle)", "stopped at batch 1"],
    ),
}


@pytest.mark.parametrize(("agents", "chosen", "rollout", "wanted"), TEXTS.values(), ids=TEXTS)
def test_a_plan_in_words(agents: list[Agent], chosen: Policy, rollout: Rollout, wanted: list[str]) -> None:
    assert plan_lines(agents, chosen, rollout) == wanted
