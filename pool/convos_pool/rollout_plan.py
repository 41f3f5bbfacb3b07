"""Plans a rollout batch by batch, with the steps that will execute it, as if every agent got ready."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .agents import Agent, is_moving, same_image
from .counted import counted
from .rollout import Move, Rollout, digest, step

if TYPE_CHECKING:
    from pool_contract.policy import Policy


@dataclass(frozen=True)
class Batch:
    """One batch.

    Attributes:
        number: 1 for the first.
        moves: (agent id, from, to), by id.
        surge: how many new agents are created before it.
    """

    number: int
    moves: tuple[tuple[str, str, str], ...]
    surge: int

    def as_json(self) -> dict[str, object]:
        """Return it in the format of the API."""
        moves = [{"id": id_, "from": before, "to": after} for id_, before, after in self.moves]
        return {"batch": self.number, "surge": self.surge, "agents": moves}


def plan(agents: Iterable[Agent], policy: Policy, rollout: Rollout) -> list[Batch]:
    """Return the remaining batches, assuming that every agent gets ready and none is claimed meanwhile."""
    current = {agent.id: agent for agent in agents}
    for move in rollout.moves:
        # A recorded move may not be visible yet. It was already made, so it is not one of the remaining ones.
        if move.agent_id in current:
            current[move.agent_id] = _with_image(current[move.agent_id], move.image)
    current = {id_: _as_if_ready(agent) for id_, agent in current.items()}
    moves = [replace(move, settled=True) for move in rollout.moves]
    found: list[Batch] = []
    surge = 0
    while rollout.aborted == "":
        next_step = step(list(current.values()), policy, replace(rollout, moves=tuple(moves)))
        if next_step.surge and not surge:
            surge = next_step.surge
            current |= {agent.id: agent for agent in _new(current, rollout.image, surge)}
            continue
        if not next_step.images:
            break
        entries = tuple((id_, current[id_].image, image) for id_, image in sorted(next_step.images.items()))
        found.append(Batch(next_step.batch, entries, surge))
        surge = 0
        for id_, before, image in entries:
            moves.append(Move(id_, image, before, next_step.batch, 0.0, settled=True))
            current[id_] = _as_if_ready(_with_image(current[id_], image))
    return found


def plan_lines(agents: Sequence[Agent], policy: Policy, rollout: Rollout) -> list[str]:
    """Return the plan for people: a line with the policy, the moving and the staying agents, then one for each batch.

    Args:
        agents: all agents of the environment.
        policy: the policy.
        rollout: the recorded rollout to the image.
    """
    behind = [agent for agent in agents if agent.image and not same_image(agent.image, rollout.image)]
    batches = plan(agents, policy, rollout)
    moved = {id_ for batch in batches for id_, _, _ in batch.moves}
    stay = [agent for agent in behind if agent.id not in moved]
    if not behind:
        head = f"all {len(agents)} agents have {digest(rollout.image)}" if agents else "there are no agents yet"
    elif not stay:
        head = _moving(moved, rollout, batches)
    else:
        head = "; ".join(_staying(stay))
        if moved:
            head = f"{_moving(moved, rollout, batches)}; {head}"
    lines = [f"policy {policy.kind}: {head}"]
    if rollout.aborted:
        lines.append(rollout.aborted)
    return lines + [_line(batch) for batch in batches]


def _moving(moved: Collection[str], rollout: Rollout, batches: Sequence[Batch]) -> str:
    agents = counted(len(moved), "agent moves", "agents move")
    return f"{agents} to {digest(rollout.image)}, {counted(len(batches), 'batch', 'batches')}"


def _staying(stay: Sequence[Agent]) -> list[str]:
    found = []
    for name in sorted({digest(agent.image) for agent in stay}):
        here = [agent for agent in stay if digest(agent.image) == name]
        states = Counter("claimed" if agent.claimed else agent.state for agent in here)
        parts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        found.append(f"{counted(len(here), 'agent stays', 'agents stay')} on {name} ({parts})")
    return found


def _line(batch: Batch) -> str:
    by_image: dict[tuple[str, str], list[str]] = {}
    for id_, before, after in batch.moves:
        by_image.setdefault((digest(before), digest(after)), []).append(id_)
    moves = "; ".join(f"{', '.join(ids)}: {before} -> {after}" for (before, after), ids in sorted(by_image.items()))
    surge = f"{batch.surge} new first, " if batch.surge else ""
    return f"batch {batch.number}: {surge}{moves}"


def _with_image(agent: Agent, image: str) -> Agent:
    return replace(agent, instance=replace(agent.instance, image=image, deployed_image=image))


def _as_if_ready(agent: Agent) -> Agent:
    if not agent.image or agent.state not in {"starting", "claimed", "released", "idle"}:
        return agent
    if is_moving(agent.instance):
        agent = replace(agent, instance=replace(agent.instance, deployed_image=agent.image))
    return replace(agent, ready=True, state="idle" if agent.state == "starting" else agent.state)


def _new(current: dict[str, Agent], image: str, count: int) -> list[Agent]:
    like = next(iter(current.values()))
    instance = replace(like.instance, image=image, deployed_image=image, deployment_status="SUCCESS")
    made = replace(like, instance=instance, state="idle", claimed=False, ready=True)
    return [replace(made, id=f"new-{number + 1}") for number in range(count)]
