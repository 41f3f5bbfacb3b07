"""Walks through a day of operations on the local stack: `make demo`.

It claims an agent, deploys a new image, replenishes, redeploys, drains and replaces, and rolls back.

Each step prints a headline and the agents as they are then. The exit code is 0 only if each step saw what it must. The
stack's config and its agents are left as they were found. It takes two to four minutes.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from convos_infra.errors import InfraError
from ops.ci import workflow
from ops.demo.stage import Agent, Stage
from ops.plan.rollout_rows import columns
from ops.status.report import short
from railway_api.failure import Failure
from stack.rollout import DRAIN_AND_REPLACE

STACK = "local"
HEAD = ("agent", "state", "image")
NAME = "Demo"
QUICK = {"rolloutBake": "1", "rolloutReady": "60", "rolloutWait": "180"}


@dataclass
class Day:
    """The state that the steps share.

    Attributes:
        stage: where.
        first: the image that the stack was found with, as its output says it.
        kept: how many agents are kept idle.
        new: the tag of the second image.
        claimed: the id of the agent that was claimed.
        seen: the agents after the last step, by id.
        began: when, by the monotonic clock.
    """

    stage: Stage
    first: Mapping[str, Any]
    kept: int
    new: str = ""
    claimed: str = ""
    seen: dict[str, Agent] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def step(self, headline: str, agents: Sequence[Agent]) -> None:
        """Print a step's headline and table, and keep what was seen."""
        self.seen = {str(agent["id"]): agent for agent in agents}
        table = [(agent["id"], agent["state"], _image(agent)) for agent in sorted(agents, key=_by_state)]
        elapsed = time.monotonic() - self.began
        sys.stdout.write(
            "\n".join([f"\n{headline}  ({elapsed:.0f} s)", *(f"  {line}" for line in columns([HEAD, *table]))]) + "\n"
        )
        sys.stdout.flush()

    def runs_first(self, agent: Agent) -> bool:
        """Say whether an agent runs the image that the stack was found with."""
        return str(agent["image"]).endswith(str(self.first["digest"]))


def claim_one(day: Day) -> None:
    """Somebody takes an agent; the pool makes another."""
    day.claimed = day.stage.pool().claim(NAME, "Be brief.")
    agents = day.stage.until(
        f"{day.claimed} is claimed and {day.kept} are idle",
        lambda found: _state(found, day.claimed) == "claimed" and _idle(found) >= day.kept,
    )
    day.step(f"1. {day.claimed} is claimed, the pool has {day.kept} idle again", agents)


def push_another_image(day: Day) -> None:
    """A new image is deployed: canary and pool manager move, no agent does."""
    day.new = day.stage.push_image(secrets.token_hex(20))
    day.stage.set(imageTag=day.new)
    day.stage.up()
    before = {id_: agent["image"] for id_, agent in day.seen.items()}
    agents = day.stage.until("the pool manager sees all agents", lambda found: len(found) >= len(before))
    now = {str(agent["id"]): agent["image"] for agent in agents}
    _must(now == before, f"no agent moves when an image is deployed, but {_difference(before, now)}")
    _must(not any(agent["latest"] for agent in agents), "the pool manager has the new image")
    day.step(f"2. {day.new} is deployed: {len(agents)} agents, and none has moved", agents)


def replenish(day: Day) -> None:
    """An agent that is made now has the new image."""
    day.stage.pool().replenish(1)
    wanted = "one more agent is idle, on the new image"
    agents = day.stage.until(
        wanted,
        lambda found: any(one["latest"] and one["state"] == "idle" for one in found if one["id"] not in day.seen),
    )
    fresh = [str(agent["id"]) for agent in agents if agent["id"] not in day.seen]
    _must(len(fresh) == 1, f"one agent is made, not {len(fresh)}")
    day.step(f"3. {fresh[0]} was made: it has the new image", agents)


def redeploy_an_idle_one(day: Day) -> None:
    """One idle agent is moved by hand."""
    id_ = next(id_ for id_, agent in sorted(day.seen.items()) if agent["state"] == "idle" and not agent["latest"])
    day.stage.pool().redeploy(id_)

    def moved(found: Sequence[Agent]) -> bool:
        return any(one["id"] == id_ and one["latest"] and one["state"] == "idle" for one in found)

    agents = day.stage.until(f"{id_} is idle on the new image", moved)
    others = {one: agent["image"] for one, agent in day.seen.items() if one != id_}
    now = {str(agent["id"]): agent["image"] for agent in agents if agent["id"] != id_}
    _must(now == others, f"no other agent moves, but {_difference(others, now)}")
    day.step(f"4. {id_} was redeployed by hand", agents)


def drain_and_replace(day: Day) -> None:
    """The policy moves the rest; the claimed one stays until it is released."""
    day.stage.set(rolloutPolicy=DRAIN_AND_REPLACE, **QUICK)
    day.stage.up()
    agents = day.stage.until(
        "all idle agents are on the new image", lambda found: _all_idle(found, first=False, day=day)
    )
    mine = next(agent for agent in agents if agent["id"] == day.claimed)
    _must(day.runs_first(mine) and mine["state"] == "claimed", f"{day.claimed} is claimed and is not touched")
    day.step(f"5. drained and replaced: all but {day.claimed}, which is claimed", agents)


def roll_back(day: Day) -> None:
    """The first image is pinned: canary, pool manager and living agents go back together."""
    tag = str(day.first["tag"])
    pin = tag if tag.startswith("sha-") else str(day.first["digest"])
    day.stage.set(imageTag=pin)
    day.stage.up()
    agents = day.stage.until("all agents are on the first image", lambda found: _all_idle(found, first=True, day=day))
    _must(all(day.runs_first(agent) for agent in agents), "every agent is back on the first image")
    outputs = day.stage.outputs()
    for part in ("canary", "image"):
        reference = str(outputs[part].get("image") or outputs[part].get("reference"))
        _must(reference.endswith(str(day.first["digest"])), f"{part} is back on the first image, not {reference}")
    day.step(f"6. rolled back by one pin, {pin[:15]}: canary, pool manager and agents", agents)


STEPS = (claim_one, push_another_image, replenish, redeploy_an_idle_one, drain_and_replace, roll_back)


def tidy(day: Day, config: bytes) -> None:
    """Leave the stack as it was found: its config, its image, as many idle agents, and no claimed one of ours."""
    day.stage.config.write_bytes(config)
    day.stage.up()
    if day.claimed:
        day.stage.take_away(day.claimed)
    agents = day.stage.until("the first image is what new agents get", lambda found: _idle(found) >= day.kept)
    extra = _idle(agents) - day.kept
    if extra:
        day.stage.pool().drain(extra)
    agents = day.stage.until(
        f"{day.kept} agents are idle and the demo's own is gone",
        lambda found: _idle(found) == day.kept and _state(found, day.claimed) == "",
    )
    day.step("The stack is as it was found", agents)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the steps, and put everything back, also where one fails."""
    argparse.ArgumentParser(prog="ops demo", description=__doc__).parse_args(argv)
    stage = Stage(STACK)
    outputs = stage.outputs()
    config = stage.config.read_bytes()
    day = Day(stage, outputs["image"], int((outputs.get("agents") or {}).get("keptIdle") or 0))
    _must(day.kept >= 2, f"poolMinIdle is 2 or more, not {day.kept}")
    agents = stage.until(f"{day.kept} agents are idle", lambda found: _idle(found) >= day.kept)
    day.step(f"The stack runs {day.first['tag']} with {day.kept} idle agents", agents)
    try:
        for step in STEPS:
            step(day)
    except Failure as error:
        workflow.warning(f"{error}; the stack is put back as it was")
        raise
    finally:
        tidy(day, config)
    return 0


def _must(so: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not so:
        raise InfraError("demo", f"this must hold: {what}", "make status STACK=local")


def _idle(agents: Sequence[Agent]) -> int:
    return sum(agent["state"] == "idle" for agent in agents)


def _state(agents: Sequence[Agent], id_: str) -> str:
    return next((str(agent["state"]) for agent in agents if agent["id"] == id_), "")


def _all_idle(agents: Sequence[Agent], *, first: bool, day: Day) -> bool:
    """Say whether all agents but the claimed one are idle on one of the two images."""
    others = [agent for agent in agents if agent["id"] != day.claimed]
    settled = all(agent["state"] == "idle" and day.runs_first(agent) == first for agent in others)
    return settled and len(others) >= day.kept


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    return ", ".join(sorted(id_ for id_ in {*before, *now} if before.get(id_) != now.get(id_)))


def _image(agent: Agent) -> str:
    return f"{short(str(agent['image']))}{' (latest)' if agent['latest'] else ''}"


def _by_state(agent: Agent) -> tuple[bool, str]:
    return agent["state"] != "claimed", str(agent["id"])


if __name__ == "__main__":
    sys.exit(workflow.run(main))
