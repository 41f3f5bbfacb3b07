"""What a pool works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .agent_client import AgentClient
    from .agent_services import AgentServices
    from .census import Census
    from .creation import Creation
    from .credentials import Credentials
    from .database import Database
    from .settings import Settings


@dataclass(frozen=True)
class PoolParts:
    """What a pool works with.

    Attributes:
        settings: what was configured.
        railway: the environment, with little patience: somebody waits.
        database: claims and locks.
        client: the agents.
        census: how to look.
        creation: how to delete.
        credentials: the agents' keys and inboxes.
        wake: called when the next tick should come at once.
        log: one line for the log.
    """

    settings: Settings
    railway: AgentServices
    database: Database
    client: AgentClient
    census: Census
    creation: Creation
    credentials: Credentials
    wake: Callable[[], None]
    log: Callable[[str], None]
