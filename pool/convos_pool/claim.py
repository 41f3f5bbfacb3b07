"""A row of `agent_metadata`: who has an agent, and what was said."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """A row of `agent_metadata`, without what was said.

    Attributes:
        id: the agent's id.
        service_id: Railway's id of its service.
        agent_name: what the agent is called.
        reserved: whether the agent has not answered yet: a claim that is on its way, or was cut off.
        seconds: the row's age.
    """

    id: str
    service_id: str
    agent_name: str
    reserved: bool
    seconds: float


@dataclass(frozen=True)
class Words:
    """What an agent was told, and what it answered.

    Attributes:
        join_url: of a reservation, where the agent was to join; empty afterwards.
        claimed_at: as ISO 8601; empty before the agent has answered.
    """

    agent_name: str
    instructions: str
    join_url: str
    invite_url: str
    conversation_id: str
    claimed_at: str
    source_branch: str

    def as_request(self) -> dict[str, str]:
        """Return what the agent is told, in the words that it was told before."""
        return {"agentName": self.agent_name, "instructions": self.instructions, "joinUrl": self.join_url}
