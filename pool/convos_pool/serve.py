"""Assembles the parts, and runs the ticks in a separate thread."""

from __future__ import annotations

import os
import threading
import time
import traceback
from typing import TYPE_CHECKING

from . import agents, metrics, schema
from .act import Act
from .agent_client import AgentClient
from .agent_keys import AgentKeys
from .creation import Creation
from .credential_record import CredentialRecord
from .credentials import Credentials, providers
from .database import Database
from .errors import ConflictError, PoolError
from .event_store import EventStore
from .hosting import hosting
from .inventory import Inventory
from .journal import Journal
from .key_check import KeyCheck
from .pool import Pool
from .pool_parts import PoolParts
from .record import LEASE_SECONDS, Record
from .recovery import Recovery
from .redeploying import Redeploying
from .retirement import Retirement, RetirementParts
from .rolling import Rolling
from .set_aside import SetAside
from .sweeper import Sweeper
from .tally import Tally
from .tick import Parts, Tick
from .tick_problem import NO_PROBLEM, TickProblem

if TYPE_CHECKING:
    from .hosting import Hosting
    from .settings import Settings

STOP_SECONDS = 2.0
"""How long, in seconds, to wait for a running tick: the next pool manager repairs an interrupted one."""


class Service:
    """The pool manager: the pool, and the thread that runs the ticks.

    Args:
        settings: the settings.
        services: the agents' services on Railway; by default according to the settings.
        database: the claims and locks; by default according to the settings.
    """

    def __init__(self, settings: Settings, services: Hosting | None = None, database: Database | None = None) -> None:
        self.settings = settings
        self.version = os.environ.get("CONVOS_POOL_VERSION") or "0.2.0"
        self.revision = os.environ.get("CONVOS_POOL_REVISION", "")
        self.schema_version = max((file.version for file in schema.files()), default="")
        self._wake = threading.Event()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="tick", daemon=True)
        self._schema_is_up = self._stands_back = False
        self._schema_lines: set[str] = set()
        self.database = database = database or Database(settings.database_url)
        self.tally = Tally()
        self.journal = say = Journal(EventStore(database))
        services = services or hosting(settings, say)
        self.patient, self.hurried = patient, hurried = services.patient, services.hurried
        keys = AgentKeys(settings.api_key, patient.variables, say)
        self.client = client = AgentClient(settings.agent_url, keys, settings.agent.readiness_path)
        self.set_aside = SetAside(database)
        found = providers(settings.providers)
        credential_record = CredentialRecord(database, settings.environment_id)
        credentials = Credentials(settings, found, credential_record, say)
        creation = Creation(settings, patient, credentials, database, say)
        own = settings.service_id
        inventory = Inventory(patient, database, client, self.set_aside, settings.stuck_seconds, log=say, own=own)
        parts = PoolParts(settings, hurried, database, client, inventory, creation, credentials, self._wake.set, say)
        self.pool = Pool(parts)
        self.redeploying = Redeploying(self.pool, parts)
        self.record = Record(database, max(LEASE_SECONDS, 3 * settings.tick_seconds))
        self.key_check = KeyCheck(settings, patient.variables)
        self.rolling = Rolling(settings, patient, database, self.record, self.pool.touch, self.key_check.removed, say)
        self.recovery = Recovery(patient, database, client, self.set_aside, say)
        self.tick = Tick(
            Parts(settings, patient, database, self.record, self.recovery, self.pool, creation, self.rolling, say)
        )
        self.retirement = Retirement(RetirementParts(self.pool, patient, database, creation, say))
        self.sweeper = Sweeper(self.pool, database, credential_record, found, say)
        self._problem = NO_PROBLEM

    def start(self) -> None:
        """Start the ticks."""
        self.journal.start()
        self._thread.start()

    @property
    def problem(self) -> str:
        """The problem of the last tick, in one line."""
        return self._problem.words

    @property
    def is_ending(self) -> bool:
        """Whether the process was told to end."""
        return self._ends.is_set()

    def end(self) -> None:
        """Begin to end: no new tick starts."""
        self._ends.set()
        self._wake.set()

    def stop(self) -> None:
        """Stop after the current tick; one that takes longer is interrupted, and the next pool manager repairs it."""
        self.end()
        self._thread.join(STOP_SECONDS)
        self.journal.stop()

    def measured(self) -> metrics.Measured:
        """Return the values for `/metrics`, without any request."""
        snapshot, left = self.pool.latest, self.hurried.allowance() or self.patient.allowance()
        living = snapshot.agents.values() if snapshot is not None else ()
        return metrics.Measured(
            counts=agents.counts(living, self.settings.runtime_image, self.key_check.behind(living))
            if snapshot
            else None,
            seen_at=snapshot.at if snapshot is not None else 0.0,
            min_idle=self.settings.min_idle,
            counted=self.tally.counted(),
            calls_left=left.remaining if left is not None else None,
            calls_limit=left.limit if left is not None else None,
            is_closed=self.pool.is_closed,
            environment=self.settings.environment,
            version=self.version,
        )

    def wake(self) -> None:
        """Start the next tick at once."""
        self._wake.set()

    def _loop(self) -> None:
        while not self._ends.is_set():
            # Claims come first: each claim wakes the next tick, which would slow down the claims that still run.
            self.pool.wait_until_quiet()
            self._wake.clear()
            problem = self._run()
            # The same cause is logged once, whatever the remaining seconds.
            if problem.words and problem.cause != self._problem.cause:
                # Standing back for a newer pool manager is not a failure.
                self.journal(problem.words if self._stands_back else Act("failure", problem.words))
            self._problem = problem
            if not self.tick.has_more_to_make:
                self._wake.wait(min(self.settings.tick_seconds, self.tick.seconds_until_creation))

    def _run(self) -> TickProblem:
        """Run one tick; return its problem."""
        began, outcome = time.monotonic(), "failed"
        self._stands_back = False
        try:
            self._bring_up_schema()
            self.tick.run()
            if self.pool.latest is not None:
                self.key_check.refresh(self.pool.latest.agents.values())
            outcome = "done"
        except ConflictError as error:
            outcome = "stood-back"
            self._stands_back = True
            return TickProblem(error.cause, _of_the_tick(error))
        except PoolError as error:
            self.tally.failed(error)
            return TickProblem(error.cause, _of_the_tick(error))
        except Exception as error:  # noqa: BLE001 - whatever breaks one tick must not end all later ones
            self.tally.failed(error)
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = type(error).__name__, frame.name, str(frame.lineno)
            return TickProblem(place, "tick: failed with {} in {}, line {}".format(*place))
        finally:
            self.tally.add("ticks", outcome, time.monotonic() - began)
        return self.tick.held

    def _bring_up_schema(self) -> None:
        """Migrate the schema to this version, once; if the database refuses, the tick runs nevertheless."""
        if self._schema_is_up:
            return
        try:
            schema.bring_up(self.settings.database_url, self._log_schema)
            self._schema_is_up = True
        except PoolError as error:
            self._log_schema(str(error))

    def _log_schema(self, line: str) -> None:
        """Log a line about the schema, once."""
        if line not in self._schema_lines:
            self._schema_lines.add(line)
            self.journal(line)


def _of_the_tick(error: PoolError) -> str:
    """Return the error's line with the tick as its subject, which errors of the tick's lock already have."""
    line = str(error)
    return line if line.startswith("tick: ") else f"tick: {line}"
