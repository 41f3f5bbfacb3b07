"""Puts the parts together, and runs the ticks in a thread of their own."""

from __future__ import annotations

import sys
import threading
import traceback
from typing import TYPE_CHECKING

from railway_api.client import Client, Timing
from railway_api.retry import Budget

from .census import Census
from .creation import Creation
from .database import Database
from .errors import PoolError
from .pool import Pool
from .railway import Railway
from .record import LEASE_SECONDS, Record
from .retirement import Parts as RetirementParts
from .retirement import Retirement
from .rolling import Rolling
from .talk import Agents
from .tick import Parts, Tick

if TYPE_CHECKING:
    from .settings import Settings

REQUEST_PATIENCE_SECONDS = 5.0
CONNECT_SECONDS = 5.0
TICK_PATIENCE_SECONDS = 35.0
"""Railway's creation throttles last 30 s."""
STOP_SECONDS = 10.0


def say(line: str) -> None:
    """Print one line of the log."""
    sys.stdout.write(f"pool: {line}\n")
    sys.stdout.flush()


class Service:
    """The pool manager: the pool, and the thread that ticks.

    Args:
        settings: what was configured.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._wake = threading.Event()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="tick", daemon=True)
        database = Database(settings.database_url)
        talk = Agents(settings.agent_url, settings.api_key)
        patient = _railway(settings, TICK_PATIENCE_SECONDS)
        creation = Creation(settings, patient)
        census = Census(patient, database, talk, settings.stuck_seconds)
        hurried = _railway(settings, REQUEST_PATIENCE_SECONDS)
        self.pool = Pool(settings, hurried, database, talk, census, creation, self._wake.set, say)
        self.record = Record(database, max(LEASE_SECONDS, 3 * settings.tick_seconds))
        self.rolling = Rolling(settings, patient, database, self.record, self.pool.touch, say)
        parts = Parts(settings, patient, database, self.record, talk, self.pool, creation, self.rolling, say)
        self.tick = Tick(parts)
        self.retirement = Retirement(RetirementParts(self.pool, patient, database, creation, say))
        self.problem = ""
        """What went wrong with the last tick."""

    def start(self) -> None:
        """Begin to tick."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the tick that runs; one that takes longer is cut off, which the next pool manager repairs."""
        self._ends.set()
        self._wake.set()
        self._thread.join(STOP_SECONDS)

    def wake(self) -> None:
        """Have the next tick come at once."""
        self._wake.set()

    def _loop(self) -> None:
        while not self._ends.is_set():
            self._wake.clear()
            problem = self._run()
            if problem and problem != self.problem:
                say(problem)
            self.problem = problem
            self._wake.wait(self.settings.tick_seconds)

    def _run(self) -> str:
        """Do one tick; return what went wrong, in one line."""
        try:
            self.tick.run()
        except PoolError as error:
            return f"tick: {error}"
        except Exception as error:  # noqa: BLE001 - whatever breaks one tick must not end all later ones
            frame = traceback.extract_tb(error.__traceback__)[-1]
            return f"tick: broke with {type(error).__name__} in {frame.name}, line {frame.lineno}"
        return ""


USER_AGENT = "convos-pool/0.1"
"""Tells its calls from those of an update, in Railway's logs and in the emulator's ledger."""


def _railway(settings: Settings, patience_seconds: float) -> Railway:
    client = Client(
        settings.railway_url,
        settings.railway_token,
        project_token=settings.railway_token_kind != "account",  # noqa: S105 - a kind, no password
        user_agent=USER_AGENT,
        timing=Timing(connect_seconds=CONNECT_SECONDS, budget=Budget(seconds=patience_seconds)),
        progress=say,
    )
    known = bool(settings.railway_token_kind)
    return Railway(client, settings.project_id, settings.environment_id, is_kind_known=known)
