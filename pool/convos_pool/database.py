"""`agent_metadata`: who has claimed which agent, and the locks that let one pool manager act on an agent at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from .errors import ConflictError, MissingTableError, UnavailableError

CONNECT_SECONDS = 5
STATEMENT_MS = 15_000
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
        instructions: what it was told.
        join_url: of a reservation, where the agent was to join; else the invite.
        reserved: whether the agent has not answered yet: a claim that is on its way, or was cut off.
        seconds: the row's age.
    """

    id: str
    service_id: str
    agent_name: str
    instructions: str
    join_url: str
    reserved: bool
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
        with self.connect() as connection:
            rows = connection.execute(
                "SELECT id, railway_service_id, agent_name, coalesce(instructions, ''), coalesce(invite_url, ''),"
                " claimed_at IS NULL AND conversation_id IS NULL,"
                " extract(epoch FROM now() - created_at)::float8 FROM agent_metadata"
            ).fetchall()
        return {row[0]: Claim(*row) for row in rows}

    def check(self) -> str:
        """Return the state of the database for people: `connected`, or what is wrong."""
        try:
            with self.connect() as connection:
                connection.execute("SELECT 1 FROM agent_metadata LIMIT 1")
        except UnavailableError as error:
            return str(error)
        return "connected"

    @contextmanager
    def lock(self, name: str) -> Iterator[Lock]:
        """Hold the lock of an agent, or of the tick, for a block.

        Raises:
            ConflictError: somebody else holds it.
            UnavailableError: the database does not answer.
        """
        with self.locks([name]) as lock:
            if name not in lock.held:
                raise ConflictError(f"{name}: another request is at it; try again in a moment")
            yield lock

    @contextmanager
    def locks(self, names: Sequence[str]) -> Iterator[Lock]:
        """Hold as many of these locks as are free, without waiting for one."""
        with self.connect() as connection:
            held = set()
            for name in names:
                # Of the transaction, not of the session: that holds behind a pooler too.
                row = connection.execute("SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))", (LOCK_CLASS, name))
                if (row.fetchone() or (False,))[0]:
                    held.add(name)
            yield Lock(connection, frozenset(held))

    def reserve(self, agent_id: str, service_id: str, agent_name: str, instructions: str, join_url: str) -> bool:
        """Claim an agent before it is told, committed at once; return False when somebody has it.

        `claimed_at` stays NULL until the agent has answered: that is how a claim that was cut off is found again.
        """
        with self.connect() as connection:
            row = connection.execute(
                "INSERT INTO agent_metadata (id, railway_service_id, agent_name, instructions, invite_url, claimed_at)"
                " SELECT %(id)s, %(service)s, %(name)s, %(instructions)s, nullif(%(join)s, ''), NULL"
                " WHERE NOT EXISTS (SELECT 1 FROM agent_metadata WHERE railway_service_id = %(service)s)"
                " ON CONFLICT (id) DO NOTHING RETURNING id",
                {
                    "id": agent_id,
                    "service": service_id,
                    "name": agent_name,
                    "instructions": instructions,
                    "join": join_url,
                },
            ).fetchone()
        return row is not None

    def complete(self, agent_id: str, conversation_id: str, invite_url: str) -> None:
        """Note what the agent answered: from now on it is somebody's."""
        with self.connect() as connection:
            connection.execute(
                "UPDATE agent_metadata SET conversation_id = %s, invite_url = %s, claimed_at = now() WHERE id = %s",
                (conversation_id, invite_url, agent_id),
            )

    def release(self, agent_id: str) -> None:
        """Forget a reservation; a claim that was completed stays."""
        with self.connect() as connection:
            connection.execute(
                "DELETE FROM agent_metadata WHERE id = %s AND conversation_id IS NULL AND claimed_at IS NULL",
                (agent_id,),
            )

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection[Any]]:
        """Connect for a block, whose writes are committed at its end.

        Raises:
            UnavailableError: the database does not answer, or lacks a table.
        """
        try:
            with psycopg.connect(self._url, connect_timeout=CONNECT_SECONDS, application_name="convos-pool") as found:
                # Not as a startup option, which poolers refuse.
                found.execute(f"SET LOCAL statement_timeout = {STATEMENT_MS}")
                yield found
        except psycopg.errors.UndefinedTable as error:
            table = re.search(r'"([\w.]+)"', str(error))
            name = table[1] if table else "a table"
            raise MissingTableError(f"database: {name} is not there; run pulumi up, which makes it") from None
        except psycopg.Error as error:
            raise UnavailableError(f"database: {_one_line(error)}") from None


class Lock:
    """Locks that are held for as long as their transaction lives.

    Args:
        connection: whose transaction it is.
        held: the names of those that were free.
    """

    def __init__(self, connection: psycopg.Connection[Any], held: frozenset[str]) -> None:
        self._connection = connection
        self.held = held

    def confirm(self) -> None:
        """Make sure that the locks are still held: a connection that broke has given them back.

        Raises:
            UnavailableError: they are not.
        """
        try:
            self._connection.execute("SELECT 1")
        except psycopg.Error as error:
            raise UnavailableError(f"database: {_one_line(error)}") from None


def _one_line(error: psycopg.Error) -> str:
    """Return libpq's words without the connection string, should it ever be in them."""
    text = " ".join(str(error).split()) or type(error).__name__
    return re.sub(r"postgres(ql)?://\S+", "postgresql://…", text)[:300]
