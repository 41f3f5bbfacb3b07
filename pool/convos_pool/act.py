"""A line of the log that tells of an act: what was done, to which agent, and why."""

from __future__ import annotations

from typing import Literal

Kind = Literal[
    "claimed",
    "claim-failed",
    "deleted",
    "dismissed",
    "drained",
    "failure",
    "finished",
    "killed",
    "made",
    "opened",
    "recovered",
    "redeployed",
    "retired",
    "rollout",
    "set-aside",
    "unhealthy",
]


class Act(str):
    """The line as people read it, with its parts: whoever takes a line of the log takes an act.

    Args:
        kind: what was done.
        reason: why, or what came of it.
        agent_id: the agent; empty where it is about the pool.
    """

    __slots__ = ("agent_id", "kind", "reason")
    kind: Kind
    reason: str
    agent_id: str

    def __new__(cls, kind: Kind, reason: str, agent_id: str = "") -> Act:
        """Return the line."""
        made = super().__new__(cls, f"{agent_id}: {reason}" if agent_id else reason)
        made.kind, made.reason, made.agent_id = kind, reason, agent_id
        return made
