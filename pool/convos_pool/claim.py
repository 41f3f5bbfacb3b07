"""A row of `agent_metadata`: a claimed agent, its instructions and its conversation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """A row of `agent_metadata`, without the instructions.

    Attributes:
        id: the agent's id.
        service_id: Railway's id of its service.
        agent_name: the agent's name.
        reserved: whether the agent has not answered yet: the claim is in progress, or was interrupted.
        seconds: the row's age, in seconds.
    """

    id: str
    service_id: str
    agent_name: str
    reserved: bool
    seconds: float


@dataclass(frozen=True)
class ClaimDetails:
    """The request of a claim, and the agent's answer.

    Attributes:
        join_url: for a reservation, the invitation for the agent; empty afterwards.
        claimed_at: as ISO 8601; empty until the agent has answered.
    """

    agent_name: str
    instructions: str
    join_url: str
    invite_url: str
    conversation_id: str
    claimed_at: str
    source_branch: str

    def as_request(self) -> dict[str, str]:
        """Return the body of the original request to the agent."""
        return {"agentName": self.agent_name, "instructions": self.instructions, "joinUrl": self.join_url}
