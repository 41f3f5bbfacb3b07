"""Applies what is pending: one lock, a transaction a migration, and errors that point at a line of a file."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from convos_infra.errors import InfraError
from convos_infra.schema import concurrently, execute, history
from convos_infra.schema.connection import CONNECT_SECONDS, Connection, connect, deadline
from convos_infra.schema.execute import BusyError, Timeouts, lost_or_refused
from convos_infra.schema.lock import WAIT_SECONDS, locked
from convos_infra.schema.plan import Plan, make_plan

if TYPE_CHECKING:
    from convos_infra.schema.address import Address
    from convos_infra.schema.history import Applied
    from convos_infra.schema.migration import Migration

_ANSWER_SECONDS = 30.0


@dataclass(frozen=True)
class Limits:
    """How long a run may wait.

    Args:
        connect_seconds: for the database to accept a connection.
        wait_seconds: for another migrator.
        lock_timeout: for a lock of a table, in PostgreSQL's notation.
        statement_timeout: for a statement.
        attempts: how often a migration that found a table locked is begun.
        pause_seconds: before the second attempt; doubled before each further one.
    """

    connect_seconds: float = CONNECT_SECONDS
    wait_seconds: float = WAIT_SECONDS
    lock_timeout: str = "5s"
    statement_timeout: str = "60s"
    attempts: int = 5
    pause_seconds: float = 1.0


@dataclass(frozen=True)
class Job:
    """What a run is asked for: see `make_plan`."""

    migrations: Sequence[Migration]
    target: str = ""
    baseline: str = ""
    limits: Limits = Limits()


def quiet(_: str) -> None:
    """Tell nobody."""


def apply(address: Address, job: Job, tell: Callable[[str], None] = quiet) -> tuple[Applied, ...]:
    """Bring a database to the job's target and return its history.

    Args:
        address: the database.
        job: what is wanted.
        tell: gets one line for each migration and each wait.

    Raises:
        InfraError: it cannot be reached, the files disagree with it, or a migration failed: that one left nothing
            behind, those before it stay.
    """
    with connect(address, wait_seconds=job.limits.connect_seconds) as connection:
        try:
            return apply_on(connection, job, tell)
        except psycopg.Error as error:
            raise lost_or_refused(f"database {address}", connection, error) from None


def apply_on(connection: Connection, job: Job, tell: Callable[[str], None] = quiet) -> tuple[Applied, ...]:
    """Do what `apply` does, on a connection in autocommit."""
    with deadline(connection, _ANSWER_SECONDS):
        applied = history.read(connection)
    if _plan(job, applied).is_empty:
        return applied
    with locked(connection, wait_seconds=job.limits.wait_seconds, tell=tell):
        history.prepare(connection)
        plan = _plan(job, history.read(connection))  # again: another migrator may have been faster
        with connection.transaction():
            for migration in plan.baseline:
                history.record(connection, migration, baseline=True)
        for migration in plan.pending:
            seconds = _run(connection, migration, job.limits, tell)
            tell(f"applied {migration.file} ({seconds:.2f} s)")
        return history.read(connection)


def _plan(job: Job, applied: tuple[Applied, ...]) -> Plan:
    return make_plan(job.migrations, applied, job.target, job.baseline)


def _run(connection: Connection, migration: Migration, limits: Limits, tell: Callable[[str], None]) -> float:
    """Run one migration, again where a lock was not to be had; return its seconds."""
    run = concurrently.run if migration.directives.no_transaction else execute.run
    timeouts = Timeouts(
        migration.directives.lock_timeout or limits.lock_timeout,
        migration.directives.statement_timeout or limits.statement_timeout,
    )
    pause = limits.pause_seconds
    for attempt in range(2, limits.attempts + 2):
        began = time.monotonic()
        try:
            run(connection, migration, timeouts)
        except BusyError as busy:
            if attempt > limits.attempts:
                raise InfraError(busy.thing, f"{busy.problem}, {limits.attempts} times", busy.next_step) from None
            tell(f"{busy.thing}: {busy.problem}; attempt {attempt} of {limits.attempts}")
            time.sleep(pause * random.uniform(0.75, 1.0))  # noqa: S311  # spreads, protects nothing
            pause *= 2
        else:
            return time.monotonic() - began
    raise AssertionError("unreachable")
