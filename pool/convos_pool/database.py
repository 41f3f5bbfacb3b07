"""`agent_metadata`: who has claimed which agent, and the locks that let one pool manager act on an agent at a time."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from .errors import ConflictError, MissingTableError, UnavailableError

CONNECT_SECONDS = 5
LOCK_PAUSE_SECONDS = 0.2
STATEMENT_MS = 15_000
LOCK_CLASS = 0x434F4E56
"""First key of our advisory locks, `CONV`, so that they meet no other program's."""
TICK = "tick"


@dataclass(frozen=True)
class Claim:
    """A row of `agent_metadata`, without what was said.

    Attributes:
        id: the agent's id.
        service_id: Railway's id of its service.
        agent_name: what the agent is called.
        reserved: whether the agent has not answered yet: a claim that is on its way, or was cut off.
        seconds: the row's age.
    """

    id: str
    service_id: str
    agent_name: str
    reserved: bool
    seconds: float


@dataclass(frozen=True)
class Words:
    """What an agent was told, and what it answered.

    Attributes:
        join_url: of a reservation, where the agent was to join; empty afterwards.
        claimed_at: as ISO 8601; empty before the agent has answered.
    """

    agent_name: str
    instructions: str
    join_url: str
    invite_url: str
    conversation_id: str
    claimed_at: str
    source_branch: str

    def as_request(self) -> dict[str, str]:
        """Return what the agent is told, in the words that it was told before."""
        return {"agentName": self.agent_name, "instructions": self.instructions, "joinUrl": self.join_url}


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
                "SELECT id, railway_service_id, agent_name, claimed_at IS NULL AND conversation_id IS NULL,"
                " extract(epoch FROM now() - created_at)::float8 FROM agent_metadata"
            ).fetchall()
        return {row[0]: Claim(*row) for row in rows}

    def words(self, agent_ids: Sequence[str]) -> dict[str, Words]:
        """Return what agents were told, by their ids."""
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
            id_: Words(name, told, join, invite, conversation, at.isoformat() if at else "", branch)
            for id_, name, told, join, invite, conversation, at, branch in rows
        }

    def is_claimed(self, agent_id: str, service_id: str) -> bool:
        """Say whether somebody has an agent, or is about to."""
        with self.connect() as connection:
            found = connection.execute(
                "SELECT 1 FROM agent_metadata WHERE id = %s OR railway_service_id = %s LIMIT 1", (agent_id, service_id)
            ).fetchone()
        return found is not None

    def credentials_of(self, agent_id: str, service_id: str) -> tuple[str, str, str]:
        """Return the service, the key's hash and the inbox of a claimed agent; empty where there are none.

        What another row has as well is left out: it is not this agent's own.
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
        """Keep the key's hash and the inbox with a claim: they are deleted with the agent, whoever deletes it."""
        with self.connect() as connection:
            connection.execute(
                "UPDATE agent_metadata SET openrouter_key_hash = coalesce(openrouter_key_hash, nullif(%s, '')),"
                " agentmail_inbox_id = coalesce(agentmail_inbox_id, nullif(%s, '')) WHERE id = %s",
                (key_hash, inbox_id, agent_id),
            )

    def forget_claim(self, agent_id: str, service_id: str) -> None:
        """Delete the row of an agent that was deleted; older pool managers gave rows other ids than agents."""
        with self.connect() as connection:
            connection.execute(
                "DELETE FROM agent_metadata WHERE id = %s OR railway_service_id = nullif(%s, '')",
                (agent_id, service_id),
            )

    def check(self) -> str:
        """Return the state of the database for people: `connected`, or what is wrong."""
        try:
            with self.connect() as connection:
                connection.execute("SELECT 1 FROM agent_metadata LIMIT 1")
        except UnavailableError as error:
            return str(error)
        return "connected"

    @contextmanager
    def lock(self, name: str, *, wait_seconds: float = 0.0) -> Iterator[Lock]:
        """Hold the lock of an agent, or of the tick, for a block.

        Args:
            name: the agent's id, or TICK.
            wait_seconds: how long to wait for somebody else who holds it.

        Raises:
            ConflictError: somebody else holds it.
            UnavailableError: the database does not answer.
        """
        until = time.monotonic() + wait_seconds
        while True:
            with self.locks([name]) as lock:
                if name in lock.held:
                    yield lock
                    return
            if time.monotonic() >= until:
                raise ConflictError(f"{name}: another request is at it; try again in a moment")
            time.sleep(LOCK_PAUSE_SECONDS)

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
            raise UnavailableError(f"database: {one_line(error)}") from None


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
            raise UnavailableError(f"database: {one_line(error)}") from None


def one_line(error: psycopg.Error) -> str:
    """Return libpq's words without the connection string, should it ever be in them."""
    text = " ".join(str(error).split()) or type(error).__name__
    return re.sub(r"postgres(ql)?://\S+", "postgresql://…", text)[:300]
