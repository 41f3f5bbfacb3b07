"""`pool_event`: the latest acts of all pool managers that share the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .database import Database

MOST_KEPT = 500


@dataclass(frozen=True)
class KeptEvent:
    """A stored act.

    Attributes:
        at: seconds since the epoch.
        kind: see `act.Kind`.
        agent_id: empty if it is about the pool.
        reason: why, or with what result.
    """

    at: float
    kind: str
    agent_id: str
    reason: str


class EventStore:
    """Keeps the newest MOST_KEPT events.

    Args:
        database: the database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def exchange(self, events: Sequence[KeptEvent]) -> list[KeptEvent]:
        """Add events, delete the oldest, and return all that are stored, the newest first.

        Raises:
            DatabaseUnavailableError: the database does not answer, or lacks the table; then nothing is added.
        """
        with self._database.connect() as connection:
            if events:
                with connection.cursor() as cursor:
                    cursor.executemany(
                        "INSERT INTO pool_event (at, kind, agent_id, reason)"
                        " VALUES (to_timestamp(%s), %s, nullif(%s, ''), %s)",
                        [(one.at, one.kind, one.agent_id, one.reason) for one in events],
                    )
                connection.execute(
                    "DELETE FROM pool_event WHERE id <= (SELECT id FROM pool_event ORDER BY id DESC LIMIT 1 OFFSET %s)",
                    (MOST_KEPT,),
                )
            rows = connection.execute(
                "SELECT extract(epoch FROM at)::float8, kind, coalesce(agent_id, ''), reason FROM pool_event"
                " ORDER BY id DESC LIMIT %s",
                (MOST_KEPT,),
            ).fetchall()
        return [KeptEvent(*row) for row in rows]
