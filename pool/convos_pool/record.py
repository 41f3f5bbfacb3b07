"""What the pool manager records besides claims: the rollout, its moves, and which pool manager is in charge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from .rollout import Move, Rollout, Step

if TYPE_CHECKING:
    from datetime import datetime

    from .database import Database

LEASE_SECONDS = 90.0
"""How long, in seconds, a newer pool manager that is silent still prevents an older one from acting."""


class Record:
    """`pool_leader`, `agent_rollout` and `agent_move`.

    Args:
        database: the database.
        lease_seconds: see LEASE_SECONDS; several ticks.
    """

    def __init__(self, database: Database, lease_seconds: float = LEASE_SECONDS) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._since: datetime | None = None

    def is_in_charge(self) -> bool:
        """Tell whether this pool manager is the newest; during a deployment there are two, with two images."""
        with self._database.connect() as connection:
            if self._since is None:
                # clock_timestamp() is the time of the database server, which all pool managers share.
                row = connection.execute("SELECT clock_timestamp()").fetchone()
                assert row is not None
                self._since = row[0]
            row = connection.execute(
                "INSERT INTO pool_leader (since, seen_at) VALUES (%(since)s, now())"
                " ON CONFLICT (only_row) DO UPDATE SET since = excluded.since, seen_at = now()"
                " WHERE pool_leader.since <= excluded.since"
                " OR pool_leader.seen_at < now() - make_interval(secs => %(lease)s)"
                " RETURNING since",
                {"since": self._since, "lease": self._lease_seconds},
            ).fetchone()
        return row is not None

    def rollout(self, image: str) -> Rollout:
        """Return the rollout to an image; this ends a rollout to any other image."""
        with self._database.connect() as connection:
            connection.execute(
                "INSERT INTO agent_rollout (image) VALUES (%s) ON CONFLICT (only_row) DO UPDATE"
                " SET image = excluded.image, started_at = now(), aborted_batch = NULL, reason = NULL"
                " WHERE agent_rollout.image <> excluded.image",
                (image,),
            )
            row = connection.execute(
                "SELECT extract(epoch FROM now() - started_at)::float8, coalesce(reason, ''),"
                " coalesce(aborted_batch, 0), started_at FROM agent_rollout"
            ).fetchone()
            assert row is not None
            seconds, reason, batch, started_at = row
            moves = connection.execute(
                "SELECT agent_id, image, previous_image, batch, extract(epoch FROM now() - moved_at)::float8, settled"
                " FROM agent_move WHERE image = %s AND moved_at >= %s ORDER BY batch, agent_id",
                (image, started_at),
            ).fetchall()
        return Rollout(image, seconds, reason, batch, tuple(Move(*row) for row in moves))

    def settle(self, agent_ids: Iterable[str]) -> None:
        """Record that moves need no more watching."""
        with self._database.connect() as connection:
            connection.execute("UPDATE agent_move SET settled = true WHERE agent_id = ANY(%s)", (list(agent_ids),))

    def abort(self, step: Step) -> None:
        """Record that the rollout has stopped, and which batch is rolled back."""
        with self._database.connect() as connection:
            connection.execute(
                "UPDATE agent_rollout SET reason = %s, aborted_batch = %s WHERE reason IS NULL", (step.text, step.batch)
            )

    def retry(self) -> bool:
        """Remove the record that the rollout has stopped; return whether it had."""
        with self._database.connect() as connection:
            row = connection.execute(
                "UPDATE agent_rollout SET reason = NULL, aborted_batch = NULL, started_at = now()"
                " WHERE reason IS NOT NULL RETURNING image"
            ).fetchone()
        return row is not None

    def write_down(self, batch: int, moves: Mapping[str, tuple[str, str, str]]) -> None:
        """Record moves before they are sent: agent id -> (service id, image, previous image)."""
        rows = [(id_, *values, batch) for id_, values in moves.items()]
        with self._database.connect() as connection, connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO agent_move (agent_id, railway_service_id, image, previous_image, batch)"
                " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (agent_id) DO UPDATE SET"
                " railway_service_id = excluded.railway_service_id, image = excluded.image, batch = excluded.batch,"
                " previous_image = excluded.previous_image, moved_at = now(), settled = false",
                rows,
            )

    def forget(self, agent_id: str) -> None:
        """Remove the recorded move of an agent that was deleted."""
        with self._database.connect() as connection:
            connection.execute("DELETE FROM agent_move WHERE agent_id = %s", (agent_id,))
