"""Claims whose outcome stays unknown after all attempts to find it out: a person finishes or dismisses them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .errors import MissingTableError

if TYPE_CHECKING:
    from .database import Database


class SetAside:
    """`agent_claim_unknown`; this process's memory if that table does not exist yet.

    Args:
        database: the database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._here: dict[str, str] = {}

    def all(self) -> dict[str, str]:
        """Return the reason for each, by the agent's id."""
        with self._lock:
            here = dict(self._here)
        try:
            with self._database.connect() as connection:
                rows = connection.execute("SELECT agent_id, reason FROM agent_claim_unknown").fetchall()
        except MissingTableError:
            return here
        return here | {row[0]: row[1] for row in rows}

    def add(self, agent_id: str, reason: str) -> None:
        """Set a claim aside."""
        with self._lock:
            self._here[agent_id] = reason
        try:
            with self._database.connect() as connection:
                connection.execute(
                    "INSERT INTO agent_claim_unknown (agent_id, reason) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                    (agent_id, reason),
                )
        except MissingTableError:
            return

    def remove(self, agent_id: str) -> None:
        """Remove one that was finished, dismissed or deleted."""
        with self._lock:
            self._here.pop(agent_id, None)
        try:
            with self._database.connect() as connection:
                connection.execute("DELETE FROM agent_claim_unknown WHERE agent_id = %s", (agent_id,))
        except MissingTableError:
            return
