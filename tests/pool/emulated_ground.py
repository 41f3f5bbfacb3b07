"""What runs of emulated fleets stand on: one emulator, one database with a clock of its own, kept connections."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from convos_pool.errors import PoolError

from emulator.app import Endpoint

if TYPE_CHECKING:
    from emulator.api.request import World as Emulated

CLOCK = """
CREATE SCHEMA clock;
CREATE TABLE clock.moment (at timestamptz NOT NULL);
INSERT INTO clock.moment VALUES ('2026-01-01 00:00:00+00');
CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT at FROM clock.moment';
CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT at FROM clock.moment';
"""
END_SECONDS = 60.0
SEARCH_PATH = "public, clock, pg_catalog"
"""PostgreSQL's own functions come last, so that `now()` is the test's."""


@dataclass
class Ground:
    """What all runs stand on.

    Attributes:
        emulated: the emulator's world; `endpoint` answers for it.
        database: its URL; `admin` is a connection that no run loses.
        project_id, environment_id: where the agents are.
        documents: the emulator's documents of a warm fleet, by its size.
    """

    emulated: Emulated
    endpoint: Endpoint
    database: str
    admin: psycopg.Connection[Any]
    project_id: str
    environment_id: str
    documents: dict[int, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def restore(self, size: int) -> None:
        """Bring the emulator and the database back to a warm fleet of a size."""
        store = self.emulated.store
        with store.transaction():
            store.clear()
            for kind, rows in self.documents[size].items():
                for id_, row in rows.items():
                    store.put(kind, id_, json.loads(json.dumps(row)))
        self.admin.execute(
            "TRUNCATE agent_metadata, agent_move, agent_rollout, pool_leader, agent_credential, agent_claim_unknown"
        )

    def keep(self, size: int) -> None:
        """Remember the emulator as it is, as a warm fleet of a size."""
        kinds = ("project", "environment", "service", "instance", "deployment", "domain", "volume", "volume_instance")
        rows = {kind: {row["id"]: row for row in self.emulated.store.all(kind) if "id" in row} for kind in kinds}
        self.documents[size] = json.loads(json.dumps(rows))


class Connections:
    """`psycopg.connect` that hands connections on from one block to the next: a new one costs 3 ms, a run has 200."""

    def __init__(self) -> None:
        self._free: list[psycopg.Connection[Any]] = []
        self._connect = psycopg.connect

    @contextmanager
    def connect(self, url: str, **how: Any) -> Iterator[psycopg.Connection[Any]]:
        connection = self._free.pop() if self._free else self._connect(url, **how)
        if connection.closed or connection.broken:
            connection = self._connect(url, **how)
        try:
            yield connection
            connection.commit()
        except (psycopg.Error, PoolError):
            if not connection.broken:
                connection.rollback()
                self._free.append(connection)
            raise
        except BaseException:
            self._end(connection, url)
            raise
        self._free.append(connection)

    def _end(self, connection: psycopg.Connection[Any], url: str) -> None:
        """The process ended: the kernel closes its connections, and PostgreSQL gives back their locks.

        A busy machine takes its time over that, in which a test's ticks, which do not wait, would all find the lock of
        the dead process held. So the server's own process is waited for.
        """
        pid = connection.info.backend_pid
        connection.close()
        with self._connect(url, autocommit=True) as other:
            wait_until_ended(other, [pid])

    def close(self) -> None:
        for connection in self._free:
            connection.close()


def wait_until_ended(connection: psycopg.Connection[Any], pids: list[int]) -> None:
    """Wait until PostgreSQL's processes are gone, and with them the locks that they held."""
    deadline = time.monotonic() + END_SECONDS
    while connection.execute("SELECT 1 FROM pg_stat_activity WHERE pid = ANY(%s)", (pids,)).fetchone():
        assert time.monotonic() < deadline, f"PostgreSQL's processes {pids} live on"
        connection.execute("SELECT pg_sleep(0.001)")
