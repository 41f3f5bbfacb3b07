"""`agent_metadata`: who has claimed which agent, and the locks that let one pool manager act on an agent at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from .errors import ConflictError, UnavailableError

CONNECT_SECONDS = 5
LOCK_CLASS = 0x434F4E56
"""First key of our advisory locks, `CONV`, so that they meet no other program's."""
TICK = "tick"


@dataclass(frozen=True)
class Claim:
    """A row of `agent_metadata`.

    Args:
        id: the agent's id.
        service_id: Railway's id of its service.
        agent_name: what the agent is called.
        provisioned: whether the agent answered; False while a claim is on its way, or was cut off.
        seconds: the row's age.
    """

    id: str
    service_id: str
    agent_name: str
    provisioned: bool
    seconds: float


class Database:
    """PostgreSQL, one short connection for each use: it may go away and come back at any time."""

    def __init__(self, url: str) -> None:
        self._url = url

    def claims(self) -> dict[str, Claim]:
        """Return every claim, by the agent's id.

        Raises:
            UnavailableError: the database does not answer, or has no such table.
        """
        with self._connect() as connection:
            rows = connection.execute(
                "SELECT id, railway_service_id, agent_name, conversation_id IS NOT NULL,"
                " extract(epoch FROM now() - created_at)::float8 FROM agent_metadata"
            ).fetchall()
        return {row[0]: Claim(*row) for row in rows}

    def check(self) -> str:
        """Return the state of the database for people: `connected`, or what is wrong."""
        try:
            with self._connect() as connection:
                connection.execute("SELECT 1 FROM agent_metadata LIMIT 1")
        except UnavailableError as error:
            return str(error)
        return "connected"

    @contextmanager
    def lock(self, name: str) -> Iterator[Locked]:
        """Hold the lock of an agent, or of the tick, for a block; what the block writes is committed at its end.

        Raises:
            ConflictError: somebody else holds it.
            UnavailableError: the database does not answer.
        """
        with self._connect() as connection:
            got = connection.execute(
                "SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))", (LOCK_CLASS, name)
            ).fetchone()
            if got is None or not got[0]:
                raise ConflictError(f"{name}: another request is at it")
            yield Locked(connection)

    @contextmanager
    def _connect(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            with psycopg.connect(self._url, connect_timeout=CONNECT_SECONDS, application_name="convos-pool") as found:
                yield found
        except psycopg.errors.UndefinedTable:
            raise UnavailableError("database: agent_metadata is not there; run pulumi up, which makes it") from None
        except psycopg.Error as error:
            raise UnavailableError(f"database: {_one_line(error)}") from None


class Locked:
    """One transaction that holds a lock."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def is_claimed(self, agent_id: str, service_id: str) -> bool:
        """Say whether an agent is claimed, by its id or, for rows of older pool managers, by its service."""
        query = "SELECT 1 FROM agent_metadata WHERE id = %s OR railway_service_id = %s"
        return self._connection.execute(query, (agent_id, service_id)).fetchone() is not None

    def reserve(self, agent_id: str, service_id: str, agent_name: str, instructions: str) -> bool:
        """Claim an agent, before it is told; return False when somebody has it."""
        if self.is_claimed(agent_id, service_id):
            return False
        row = self._connection.execute(
            "INSERT INTO agent_metadata (id, railway_service_id, agent_name, instructions, claimed_at)"
            " VALUES (%s, %s, %s, %s, now()) ON CONFLICT (id) DO NOTHING RETURNING id",
            (agent_id, service_id, agent_name, instructions),
        ).fetchone()
        return row is not None

    def complete(self, agent_id: str, conversation_id: str, invite_url: str) -> None:
        """Note what the agent answered."""
        self._connection.execute(
            "UPDATE agent_metadata SET conversation_id = %s, invite_url = %s WHERE id = %s",
            (conversation_id, invite_url, agent_id),
        )

    def release(self, agent_id: str) -> None:
        """Forget a claim that came to nothing; one that was completed stays."""
        self._connection.execute("DELETE FROM agent_metadata WHERE id = %s AND conversation_id IS NULL", (agent_id,))


def _one_line(error: psycopg.Error) -> str:
    """Return libpq's words without the connection string, should it ever be in them."""
    text = " ".join(str(error).split()) or type(error).__name__
    return re.sub(r"postgres(ql)?://\S+", "postgresql://…", text)[:300]
