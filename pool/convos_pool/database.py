"""`agent_metadata`: the claims, and the locks that let only one pool manager at a time act on an agent."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from .claim import Claim, ClaimDetails
from .connection import SILENCE_SECONDS
from .errors import ConflictError, DatabaseUnavailableError, MissingTableError
from .heartbeat import IDLE_SECONDS, Heartbeat
from .kept_connections import KeptConnections

if TYPE_CHECKING:
    from pool_contract.requests import ClaimRequest

    from .connection import BoundedConnection

MOST_CONNECTIONS, MOST_LOCKS = 8, 12
"""The most connections: 20 of one pool manager, so that two of them fit into the smallest PostgreSQL."""
ROOM_SECONDS = 10.0
"""How long, in seconds, to wait for a free connection."""
LOCK_PAUSE_SECONDS = 0.2
STATEMENT_MS = 5_000
"""PostgreSQL's `statement_timeout`, in milliseconds."""
LOCK_CLASS = 0x434F4E56
"""The first key of our advisory locks, `CONV`, so that they do not collide with other programs."""
TICK = "tick"


class Database:
    """PostgreSQL, which may be unavailable at any time: each use takes a connection only for a short block.

    Args:
        url: its URL.
        silence_seconds: how long to wait for one answer.
        heartbeat: keeps locks alive while they are held.
        idle_seconds: how long the server keeps the locks of a silent pool manager.
    """

    def __init__(
        self,
        url: str,
        silence_seconds: float = SILENCE_SECONDS,
        heartbeat: Heartbeat | None = None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._heartbeat = heartbeat or Heartbeat()
        # Poolers refuse startup options, so each transaction sets these. Without the second limit, the transaction of
        # a client that has gone silent would keep its locks.
        limits = (
            f"SET LOCAL statement_timeout = {STATEMENT_MS};"
            f" SET LOCAL idle_in_transaction_session_timeout = {round(idle_seconds * 1000)}"
        )
        self._kept = KeptConnections(url, limits, silence_seconds)
        # The holder of a lock needs a second connection to act. With one limit for both, all connections could belong
        # to holders that wait for a second one.
        self._room = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._room_of_locks = threading.BoundedSemaphore(MOST_LOCKS)

    def claims(self) -> dict[str, Claim]:
        """Return every claim, by the agent's id.

        Raises:
            DatabaseUnavailableError: the database does not answer; MissingTableError: it has no such table.
        """
        with self.connect() as connection:
            rows = connection.execute(
                "SELECT id, railway_service_id, agent_name, claimed_at IS NULL AND conversation_id IS NULL,"
                " extract(epoch FROM now() - created_at)::float8 FROM agent_metadata"
            ).fetchall()
        return {row[0]: Claim(*row) for row in rows}

    def details(self, agent_ids: Sequence[str]) -> dict[str, ClaimDetails]:
        """Return the requests and the answers of claims, by the agents' ids."""
        with self.connect() as connection:
            rows = connection.execute(
                "SELECT id, agent_name, coalesce(instructions, ''),"
                " CASE WHEN conversation_id IS NULL AND claimed_at IS NULL THEN coalesce(invite_url, '') ELSE '' END,"
                " CASE WHEN conversation_id IS NULL AND claimed_at IS NULL THEN '' ELSE coalesce(invite_url, '') END,"
                " coalesce(conversation_id, ''), claimed_at, coalesce(source_branch, '')"
                " FROM agent_metadata WHERE id = ANY(%s)",
                (list(agent_ids),),
            ).fetchall()
        return {
            id_: ClaimDetails(name, instructions, join, invite, conversation, at.isoformat() if at else "", branch)
            for id_, name, instructions, join, invite, conversation, at, branch in rows
        }

    def is_claimed(self, agent_id: str, service_id: str) -> bool:
        """Tell whether an agent is claimed or reserved."""
        with self.connect() as connection:
            found = connection.execute(
                "SELECT 1 FROM agent_metadata WHERE id = %s OR railway_service_id = %s LIMIT 1", (agent_id, service_id)
            ).fetchone()
        return found is not None

    def credentials_of(self, agent_id: str, service_id: str) -> tuple[str, str, str]:
        """Return the service, the key's hash and the inbox of a claimed agent; empty if there are none.

        A value that another row has as well is left out, as it does not belong to this agent only.
        """
        with self.connect() as connection:
            row = connection.execute(
                "SELECT railway_service_id,"
                " (SELECT mine.openrouter_key_hash WHERE NOT EXISTS (SELECT 1 FROM agent_metadata AS other"
                "   WHERE other.id <> mine.id AND other.openrouter_key_hash = mine.openrouter_key_hash)),"
                " (SELECT mine.agentmail_inbox_id WHERE NOT EXISTS (SELECT 1 FROM agent_metadata AS other"
                "   WHERE other.id <> mine.id AND other.agentmail_inbox_id = mine.agentmail_inbox_id))"
                " FROM agent_metadata AS mine WHERE mine.id = %s OR mine.railway_service_id = nullif(%s, '')"
                " ORDER BY mine.id = %s DESC LIMIT 1",
                (agent_id, service_id, agent_id),
            ).fetchone()
        return (row[0], row[1] or "", row[2] or "") if row else ("", "", "")

    def note_credentials(self, agent_id: str, key_hash: str, inbox_id: str) -> None:
        """Store the key's hash and the inbox with a claim, so that any pool manager deletes them with the agent."""
        with self.connect() as connection:
            connection.execute(
                "UPDATE agent_metadata SET openrouter_key_hash = coalesce(openrouter_key_hash, nullif(%s, '')),"
                " agentmail_inbox_id = coalesce(agentmail_inbox_id, nullif(%s, '')) WHERE id = %s",
                (key_hash, inbox_id, agent_id),
            )

    def forget_claim(self, agent_id: str, service_id: str) -> None:
        """Delete the row of a deleted agent; older pool managers gave rows other ids than agents."""
        with self.connect() as connection:
            connection.execute(
                "DELETE FROM agent_metadata WHERE id = %s OR railway_service_id = nullif(%s, '')",
                (agent_id, service_id),
            )

    def check(self) -> str:
        """Return the state of the database for people: `connected`, or the problem."""
        try:
            with self.connect() as connection:
                connection.execute("SELECT 1 FROM agent_metadata LIMIT 1")
        except DatabaseUnavailableError as error:
            return str(error)
        return "connected"

    @contextmanager
    def lock(self, name: str, *, wait_seconds: float = 0.0) -> Iterator[Lock]:
        """Hold the lock of an agent, or of the tick, for a block.

        Args:
            name: the agent's id, or TICK.
            wait_seconds: how long to wait if the lock is held.

        Raises:
            ConflictError: the lock is held.
            DatabaseUnavailableError: the database does not answer.
        """
        until = time.monotonic() + wait_seconds
        while True:
            with self.locks([name]) as lock:
                if name in lock.held:
                    yield lock
                    return
            if time.monotonic() >= until:
                raise ConflictError(f"{name}: another request is working on it; try again in a moment")
            time.sleep(LOCK_PAUSE_SECONDS)

    @contextmanager
    def locks(self, names: Sequence[str]) -> Iterator[Lock]:
        """Hold those of the locks that are free, without waiting."""
        with self._connect(self._room_of_locks) as connection, self._heartbeat.keeps(connection):
            held = set()
            for name in names:
                # For the transaction, not for the session, so that it also works behind a pooler.
                row = connection.execute("SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))", (LOCK_CLASS, name))
                if (row.fetchone() or (False,))[0]:
                    held.add(name)
            yield Lock(connection, frozenset(held))

    def reserve(self, agent_id: str, service_id: str, request: ClaimRequest) -> bool:
        """Reserve an agent for a claim, before it is asked; return False if it is claimed, or its lock is held.

        The row is committed at once. Its `claimed_at` stays NULL until the agent has answered, which is how an
        interrupted claim is found again.
        """
        with self.connect() as connection:
            # The agent's lock is held for this one statement; the next holder finds the row.
            row = connection.execute(
                "INSERT INTO agent_metadata (id, railway_service_id, agent_name, instructions, invite_url, claimed_at)"
                " SELECT %(id)s, %(service)s, %(name)s, %(instructions)s, nullif(%(join)s, ''), NULL"
                " WHERE NOT EXISTS (SELECT 1 FROM agent_metadata WHERE railway_service_id = %(service)s)"
                " AND pg_try_advisory_xact_lock(%(class)s, hashtext(%(id)s))"
                " ON CONFLICT (id) DO NOTHING RETURNING id",
                {
                    "class": LOCK_CLASS,
                    "id": agent_id,
                    "service": service_id,
                    "name": request.agentName,
                    "instructions": request.instructions,
                    "join": request.joinUrl or "",
                },
            ).fetchone()
        return row is not None

    def complete(self, agent_id: str, conversation_id: str, invite_url: str) -> bool:
        """Record the agent's answer, which completes the claim. Return False if its row is gone."""
        with self.connect() as connection:
            done = connection.execute(
                "UPDATE agent_metadata SET conversation_id = %s, invite_url = %s, claimed_at = now() WHERE id = %s",
                (conversation_id, invite_url, agent_id),
            )
        return done.rowcount > 0

    def release(self, agent_id: str) -> None:
        """Remove a reservation; a completed claim stays."""
        with self.connect() as connection:
            connection.execute(
                "DELETE FROM agent_metadata WHERE id = %s AND conversation_id IS NULL AND claimed_at IS NULL",
                (agent_id,),
            )

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection[Any]]:
        """Connect for a block; its writes are committed at its end.

        Raises:
            DatabaseUnavailableError: the database does not answer, or lacks a table.
        """
        with self._connect(self._room) as found:
            yield found

    @contextmanager
    def _connect(self, room: threading.BoundedSemaphore) -> Iterator[BoundedConnection]:
        if not room.acquire(timeout=ROOM_SECONDS):
            raise DatabaseUnavailableError("database: every connection is in use; try again in a moment")
        try:
            with self._connected() as found:
                yield found
        finally:
            room.release()

    @contextmanager
    def _connected(self) -> Iterator[BoundedConnection]:
        try:
            with self._kept.block() as found:
                yield found
        except psycopg.errors.UndefinedTable as error:
            table = re.search(r'"([\w.]+)"', str(error))
            name = table[1] if table else "a table"
            step = "run pulumi up, or without Pulumi look for schema: in the log"
            raise MissingTableError(f"database: {name} is missing; {step}") from None
        except psycopg.Error as error:
            raise DatabaseUnavailableError(f"database: {one_line(error)}") from None


class Lock:
    """Locks that are held as long as their transaction lives.

    Args:
        connection: the connection of the transaction.
        held: the names of the locks that were free.
    """

    def __init__(self, connection: psycopg.Connection[Any], held: frozenset[str]) -> None:
        self._connection = connection
        self.held = held

    def confirm(self) -> None:
        """Verify that the locks are still held: a broken connection has released them.

        Raises:
            DatabaseUnavailableError: they are not held any more.
        """
        try:
            self._connection.execute("SELECT 1")
        except psycopg.Error as error:
            raise DatabaseUnavailableError(f"database: {one_line(error)}") from None


def one_line(error: psycopg.Error) -> str:
    """Return libpq's message without the connection string, in case it contains it."""
    text = " ".join(str(error).split()) or type(error).__name__
    return re.sub(r"postgres(ql)?://\S+", "postgresql://…", text)[:300]
