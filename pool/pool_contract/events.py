"""The bodies of the pool manager's answers about its acts."""

from __future__ import annotations

from pool_contract.answers import Answer


class Event(Answer):
    """One act of a pool manager.

    Attributes:
        at: ISO 8601.
        act: what was done, in one word.
        agentId: the agent; missing where it is about the pool.
        reason: why, or what came of it.
    """

    at: str
    act: str
    agentId: str | None = None
    reason: str


class Events(Answer):
    """`GET /api/pool/events`: the newest first, at most 500."""

    events: list[Event]
