"""A log line about an act: what was done, to which agent, and why."""

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
    """The line for people, with its parts; it can be used wherever a log line is expected.

    Args:
        kind: what was done.
        reason: why, or with what result.
        agent_id: the agent; empty if the act is about the pool.
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
