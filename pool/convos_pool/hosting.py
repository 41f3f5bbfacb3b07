"""Creates the access to the agents' services: in the pool manager's own project, or in one for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from railway_api.client import Client, Timing
from railway_api.retry import CREATION_THROTTLE_SECONDS, Budget

from .agent_homes import AgentHomes
from .project_per_agent import ProjectPerAgent
from .railway import Railway
from .railway_calls import RailwayCalls

if TYPE_CHECKING:
    from .agent_services import AgentServices
    from .settings import Settings

REQUEST_PATIENCE_SECONDS = 5.0
"""The longest total pause, in seconds, between the tries of a call for which a caller waits."""
CALL_SECONDS = 8.0
"""The longest duration, in seconds, of such a call with all its tries: less than a claim has for trying agents."""
CONNECT_SECONDS = 5.0
TICK_PATIENCE_SECONDS = 35.0
"""The same pause for calls of a tick: more than Railway's creation throttle (fact: creation-throttle)."""
USER_AGENT = "convos-pool/0.2.0"
"""Distinguishes the pool manager's calls from those of an update, for example in the emulator's ledger."""


@dataclass(frozen=True)
class Hosting:
    """The agents' services on Railway.

    Attributes:
        patient: for ticks, for which no caller waits.
        hurried: for requests.
    """

    patient: AgentServices
    hurried: AgentServices


def hosting(
    settings: Settings, say: Callable[[str], None], throttle_seconds: float = CREATION_THROTTLE_SECONDS
) -> Hosting:
    """Return the agents' services according to the settings.

    Args:
        settings: the settings.
        say: called with each line of the log.
        throttle_seconds: how long Railway refuses a second project of one user.
    """
    homes = AgentHomes()

    def services(patience_seconds: float, call_seconds: float) -> AgentServices:
        calls = _calls(settings, patience_seconds, call_seconds, throttle_seconds, say)
        if settings.has_project_per_agent:
            return ProjectPerAgent(calls, homes, settings.project_id, settings.environment_id)
        return Railway(calls, settings.project_id, settings.environment_id)

    return Hosting(services(TICK_PATIENCE_SECONDS, 0.0), services(REQUEST_PATIENCE_SECONDS, CALL_SECONDS))


def _calls(
    settings: Settings,
    patience_seconds: float,
    call_seconds: float,
    throttle_seconds: float,
    say: Callable[[str], None],
) -> RailwayCalls:
    # Only account and workspace tokens create projects, and are used in turn.
    kind = "account" if settings.has_project_per_agent else settings.railway_token_kind
    clients = [
        Client(
            settings.railway_url,
            token,
            project_token=kind != "account",
            user_agent=USER_AGENT,
            timing=Timing(connect_seconds=CONNECT_SECONDS, budget=Budget(seconds=patience_seconds)),
            progress=say,
        )
        for token in (settings.railway_token, *settings.further_railway_tokens)
    ]
    return RailwayCalls(clients, is_kind_known=bool(kind), seconds=call_seconds, throttle_seconds=throttle_seconds)
