"""An agent as its pool manager lists it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convos_infra.errors import InfraError

FREE = frozenset({"idle", "released"})
COMING = frozenset({"starting", "unfinished"})
DEAD, SUCCESS = "dead", "SUCCESS"


@dataclass(frozen=True)
class LivingAgent:
    """One agent.

    Attributes:
        id: its id.
        state: in the pool manager's word.
        called: what the person who has it calls it; empty for one that nobody has.
        deployment: Railway's word for its newest deployment.
        is_latest: whether it runs the newest image.
        keys_behind: names of the keys that a redeploy would change; None if that is not known.
    """

    id: str
    state: str
    called: str
    deployment: str
    is_latest: bool
    keys_behind: frozenset[str] | None

    @property
    def is_free(self) -> bool:
        """Whether nobody has it, and it runs."""
        return self.state in FREE

    @property
    def is_coming(self) -> bool:
        """Whether it is being made or moved, and nobody has it."""
        return self.state in COMING

    @property
    def is_behind(self) -> bool:
        """Whether a new agent would have another image or other keys, as far as that is known."""
        return not self.is_latest or bool(self.keys_behind)

    def __str__(self) -> str:
        """Name it for people."""
        return f"{self.id} ({self.state}{f', {self.called}' if self.called else ''})"


def living(status: Mapping[str, Any]) -> list[LivingAgent]:
    """Return the agents of `GET /api/pool/status`, by id.

    Raises:
        InfraError: another pool manager than this repository's answers.
    """
    try:
        return sorted(map(_agent, status["instances"]), key=lambda one: one.id)
    except (KeyError, TypeError, ValueError) as error:
        problem = f"its status is not one that this program knows ({type(error).__name__})"
        raise InfraError("pool-manager", problem) from None


def _agent(row: Mapping[str, Any]) -> LivingAgent:
    keys = row.get("keysBehind")
    return LivingAgent(
        str(row["id"]),
        str(row.get("state") or row["status"]),
        str(row.get("agentName") or ""),
        str(row.get("deployStatus") or ""),
        bool(row.get("latest")),
        None if keys is None else frozenset(map(str, keys)),
    )
