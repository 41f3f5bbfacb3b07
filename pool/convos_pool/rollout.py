"""Decides the next step of a rollout after a change of the image: pure functions of the current state.

Nothing is remembered here: the database has the moves (`agent_move`), and Railway has the running images. So a pool
manager that was killed at any moment continues where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .agents import ENDED, Agent, is_moving, same_image
from .counted import counted
from .read_lag import LAG_SECONDS

if TYPE_CHECKING:
    from pool_contract.policy import Policy

MOST_FAILED_STARTS = 3
"""After so many failed new agents in a row, a rollout that waits for one of them stops."""


@dataclass(frozen=True)
class Move:
    """One agent's change of image, recorded before it is sent.

    Attributes:
        agent_id: the agent.
        image: the new image.
        previous_image: the image before.
        batch: 1 for the first of a rollout.
        seconds: the time since the move.
        settled: whether it has been ready for long enough since; later failures are not caused by the move.
    """

    agent_id: str
    image: str
    previous_image: str
    batch: int
    seconds: float
    settled: bool = False


@dataclass(frozen=True)
class Rollout:
    """The recorded rollout.

    Attributes:
        image: the new image.
        seconds: the time since its start.
        aborted: why it has stopped; empty if it has not.
        aborted_batch: the batch that is rolled back.
        moves: its moves since its start.
        failed_starts: how many new agents in a row did not become ready on the image, while no agent runs it.
    """

    image: str
    seconds: float = 0.0
    aborted: str = ""
    aborted_batch: int = 0
    moves: tuple[Move, ...] = ()
    failed_starts: int = 0


@dataclass(frozen=True)
class Step:
    """The next step.

    Attributes:
        state: `held`, `done`, `rolling`, `waiting` (for claimed agents) or `aborted`; `pending` before the first one.
        text: for people.
        batch: the batch that `images` describes, or the one that is rolled back.
        images: agent id -> its new image, all in one patch.
        settled: agents whose move needs no more watching.
        surge: how many agents to create in addition to the warm ones, so that there is always one to claim.
    """

    state: str
    text: str
    batch: int = 0
    images: Mapping[str, str] = field(default_factory=dict)
    settled: tuple[str, ...] = ()
    surge: int = 0


def step(agents: Sequence[Agent], policy: Policy, rollout: Rollout) -> Step:
    """Return the next step of a rollout.

    Args:
        agents: all agents of the environment.
        policy: the policy.
        rollout: the recorded rollout to the configured image.
    """
    behind = [agent for agent in agents if agent.image and not same_image(agent.image, rollout.image)]
    if policy.kind == "hold":
        text = counted(len(behind), "agent stays on its image", "agents stay on their image")
        return Step("held", f"policy hold: {text}")
    by_id = {agent.id: agent for agent in agents}
    if rollout.aborted:
        return Step("aborted", rollout.aborted, rollout.aborted_batch, _back(by_id, rollout, rollout.aborted_batch))
    watched = [move for move in rollout.moves if not move.settled and move.agent_id in by_id]
    failed = [move for move in watched if _has_failed(by_id[move.agent_id], move, policy)]
    if failed:
        number = failed[0].batch
        names = ", ".join(sorted(move.agent_id for move in failed))
        text = f"stopped at batch {number}: {names} did not become ready on {short(rollout.image)}"
        text += "; the batch was rolled back"
        return Step("aborted", text, number, _back(by_id, rollout, number))
    settled = tuple(move.agent_id for move in watched if _is_settled(by_id[move.agent_id], move, policy))
    waiting = [move for move in watched if move.agent_id not in settled and not _was_never_sent(by_id, move)]
    if waiting:
        number = max(move.batch for move in waiting)
        text = counted(len(waiting), "agent is not ready yet", "agents are not ready yet")
        return Step("rolling", f"batch {number}: {text}", number, settled=settled)
    return _next_batch(agents, behind, policy, rollout, settled)


def _has_failed(agent: Agent, move: Move, policy: Policy) -> bool:
    if not same_image(agent.image, move.image) or is_moving(agent.instance):
        return False
    ended = agent.instance.deployment_status in ENDED
    return ended or (not agent.ready and move.seconds > policy.ready_seconds)


def _is_settled(agent: Agent, move: Move, policy: Policy) -> bool:
    there = same_image(agent.image, move.image) and not is_moving(agent.instance)
    return there and agent.ready and min(agent.seconds, move.seconds) >= policy.bake_seconds


def _was_never_sent(by_id: Mapping[str, Agent], move: Move) -> bool:
    """Tell whether the process was killed between recording a move and sending it; the agent is then chosen again.

    Until reads can no longer lag behind, an unchanged image does not show that.
    """
    return not same_image(by_id[move.agent_id].image, move.image) and move.seconds > LAG_SECONDS


def _back(by_id: Mapping[str, Agent], rollout: Rollout, batch: int) -> dict[str, str]:
    """Return the previous images of a batch's agents; each step returns them again, until Railway shows them."""
    found = {}
    for move in rollout.moves:
        agent = by_id.get(move.agent_id)
        # An agent that was claimed meanwhile and works keeps its image; one that does not work is rolled back too.
        if (
            move.batch == batch
            and agent
            and same_image(agent.image, rollout.image)
            and not (agent.claimed and agent.ready)
        ):
            found[move.agent_id] = move.previous_image
    return found


def _next_batch(
    agents: Sequence[Agent], behind: Sequence[Agent], policy: Policy, rollout: Rollout, settled: tuple[str, ...]
) -> Step:
    overdue = policy.replace_claimed and rollout.seconds >= policy.deadline_seconds
    candidates = [agent for agent in behind if _may_move(agent, policy, overdue=overdue)]
    if not candidates:
        left = sum(agent.claimed for agent in behind)
        if policy.kind == "drain-and-replace" and left:
            text = counted(left, "agent is claimed and keeps its image", "agents are claimed and keep their image")
            return Step("waiting", text, settled=settled)
        if not agents:
            return _without_agents(rollout, settled)
        have = len(agents) - len(behind)
        return Step("done", f"{have} of {len(agents)} agents have the image", settled=settled)
    proven = sum(agent.ready and same_image(agent.image, rollout.image) for agent in agents) >= policy.canary
    # Only claimed agents that this rollout is moving count. One that is down for another reason may stay down until it
    # is released, and must not keep all others on the old image.
    moved = {move.agent_id for move in rollout.moves if not move.settled}
    down = sum(agent.claimed and not agent.ready and agent.id in moved for agent in agents)
    size = min(policy.batch if proven else policy.canary, policy.max_unavailable - down)
    chosen = _with_room_for_claims(candidates, agents, size)
    number = max((move.batch for move in rollout.moves), default=0) + 1
    if not chosen:
        if size <= 0:
            text = counted(down, "claimed agent is down", "claimed agents are down")
            return Step("rolling", f"{text}; the next batch waits", settled=settled)
        if rollout.failed_starts >= MOST_FAILED_STARTS:
            text = f"stopped at batch {number}: {_failed_starts(rollout)}"
            return Step("aborted", f"{text}; the last idle agent is kept", number, settled=settled)
        return Step("rolling", "the last idle agent is kept until a new one is idle", settled=settled, surge=1)
    names = ", ".join(agent.id for agent in chosen)
    images = {agent.id: rollout.image for agent in chosen}
    return Step("rolling", f"batch {number}: {names}", number, images, settled)


def _without_agents(rollout: Rollout, settled: tuple[str, ...]) -> Step:
    """Return the step if there are no agents: done, unless new ones fail on the image."""
    if not rollout.failed_starts:
        return Step("done", "there are no agents", settled=settled)
    text = _failed_starts(rollout)
    if rollout.failed_starts < MOST_FAILED_STARTS:
        return Step("rolling", text, settled=settled)
    number = max((move.batch for move in rollout.moves), default=0) + 1
    return Step("aborted", f"stopped at batch {number}: there are no agents, and {text}", number, settled=settled)


def _failed_starts(rollout: Rollout) -> str:
    many = counted(rollout.failed_starts, "new agent", "new agents in a row")
    return f"{many} did not become ready on {short(rollout.image)}"


def _may_move(agent: Agent, policy: Policy, *, overdue: bool) -> bool:
    # An agent that is still starting serves no user, whatever its image.
    if agent.state in {"idle", "released", "starting"}:
        return True
    return policy.kind == "drain-and-replace" and overdue and agent.claimed and agent.state != "sleeping"


def _with_room_for_claims(candidates: Iterable[Agent], agents: Iterable[Agent], size: int) -> list[Agent]:
    """Choose a batch: agents that serve no user first, then by id, and never the last idle agent."""
    idle = sum(agent.state == "idle" for agent in agents)
    chosen: list[Agent] = []
    for agent in sorted(candidates, key=lambda found: (found.claimed, found.ready, found.id)):
        if len(chosen) >= size:
            break
        if agent.state == "idle":
            if idle <= 1:
                continue
            idle -= 1
        chosen.append(agent)
    return chosen


def short(image: str) -> str:
    """Return a reference with the start of its digest, for people."""
    name, at, found = image.partition("@")
    return f"{name}@{found[:15]}" if at else image


def digest(image: str) -> str:
    """Return the start of a reference's digest, which distinguishes images, or the reference if it has none."""
    _, at, found = image.partition("@")
    return found[:15] if at else image
