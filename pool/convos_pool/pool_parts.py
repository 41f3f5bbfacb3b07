"""The dependencies of a pool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .agent_client import AgentClient
    from .agent_services import AgentServices
    from .creation import Creation
    from .credentials import Credentials
    from .database import Database
    from .inventory import Inventory
    from .settings import Settings


@dataclass(frozen=True)
class PoolParts:
    """The dependencies of a pool.

    Attributes:
        settings: the settings.
        railway: the environment, with short waits, as callers are waiting.
        database: claims and locks.
        client: the agents.
        inventory: reads the agents.
        creation: deletes agents.
        credentials: the agents' keys and inboxes.
        wake: starts the next tick at once.
        log: called with each line of the log.
    """

    settings: Settings
    railway: AgentServices
    database: Database
    client: AgentClient
    inventory: Inventory
    creation: Creation
    credentials: Credentials
    wake: Callable[[], None]
    log: Callable[[str], None]
