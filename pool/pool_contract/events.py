"""The bodies of the answers about the pool manager's events."""

from __future__ import annotations

from pool_contract.answers import Answer


class Event(Answer):
    """One event of a pool manager.

    Attributes:
        at: ISO 8601.
        act: what was done, in one word.
        agentId: the agent; missing if the event is about the pool.
        reason: why, or with what result.
    """

    at: str
    act: str
    agentId: str | None = None
    reason: str


class Events(Answer):
    """`GET /api/pool/events`: the newest first, at most 500."""

    events: list[Event]
