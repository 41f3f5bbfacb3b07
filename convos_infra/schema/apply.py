"""Applies the pending migrations: one lock, one transaction per migration, and errors that point at a line."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import psycopg

from convos_infra.errors import InfraError
from convos_infra.schema import catalog, concurrently, execute, guards, history
from convos_infra.schema.connection import BoundedConnection, connect
from convos_infra.schema.execute import LockBusyError, lost_or_refused
from convos_infra.schema.limits import Limits, Timeouts
from convos_infra.schema.lock import locked, obstacle
from convos_infra.schema.plan import MigrationPlan, make_plan
from convos_infra.schema.progress import StatementWatch, watched
from railway_api.failure import Failure

if TYPE_CHECKING:
    from convos_infra.schema.address import Address
    from convos_infra.schema.history import Applied, History
    from convos_infra.schema.migration import MigrationFile


@dataclass(frozen=True)
class Job:
    """What a run applies to a database.

    Attributes:
        migrations: all files, in order.
        target: the last version to apply; empty for all.
        baseline: the version that a database without a history already has.
        accept_drift: record changes made by others as the new state, instead of refusing to continue.
        limits: the longest waits.
    """

    migrations: Sequence[MigrationFile]
    target: str = ""
    baseline: str = ""
    accept_drift: bool = False
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class State:
    """The schema of a database, and its difference from the recorded one.

    Attributes:
        applied: its migrations.
        catalog: names and definitions.
        drift: how the catalog differs from the recorded one, one line for each object.
        recorded: the catalog after the last migration; None if unknown.
        begun: the checksum of a file without a transaction that was begun but is not recorded.
        obstacle: why an update of this database would be refused; None if no reason is known.
    """

    applied: tuple[Applied, ...]
    catalog: catalog.Catalog
    drift: tuple[str, ...]
    recorded: Mapping[str, str] | None = field(default=None, compare=False)
    begun: str = field(default="", compare=False)
    obstacle: InfraError | None = field(default=None, compare=False)

    def drift_for(self, plan: MigrationPlan) -> tuple[str, ...]:
        """Return the drift, without the remains of an interrupted run of the plan's first file."""
        if not self.drift or not plan.pending or not plan.pending[0].directives.no_transaction:
            return self.drift
        first = plan.pending[0]
        is_begun = self.begun == first.checksum
        ours = concurrently.left_behind(first.script.statements[0], self.catalog, is_begun=is_begun)
        sides = [
            {name: value for name, value in side.items() if name not in ours}
            for side in (self.recorded or {}, self.catalog)
        ]
        return tuple(catalog.compare(*sides))


def quiet(_: str) -> None:
    """Discard progress."""


def apply(address: Address, job: Job, tell: Callable[[str], None] = quiet) -> State:
    """Apply a job to a database and return the resulting state.

    Args:
        address: the database.
        job: what to apply.
        tell: called with one line for each migration and each wait.

    Raises:
        InfraError: the database cannot be reached, the files disagree with it, others changed it, or a migration
            failed. A failed migration leaves nothing behind; the ones before it stay applied.
    """
    with contextlib.closing(connect(address, wait_seconds=job.limits.connect_seconds)) as connection:
        try:
            return apply_on(connection, job, tell)
        except psycopg.Error as error:
            raise lost_or_refused(f"database {address}", connection, error) from None


def inspect(address: Address, *, wait_seconds: float, for_update: bool = False) -> State:
    """Return the state of a database, in two round trips.

    Args:
        address: the database.
        wait_seconds: how long to wait for a connection.
        for_update: also find out, in a third round trip, whether an update would be refused.

    Raises:
        InfraError: it cannot be read.
    """
    with contextlib.closing(connect(address, wait_seconds=wait_seconds)) as connection:
        try:
            state = _read_state(connection, _read_history(connection, Limits()), Limits())[1]
            return replace(state, obstacle=obstacle(connection, Limits())) if for_update else state
        except psycopg.Error as error:
            raise lost_or_refused(f"database {address}", connection, error) from None


def apply_on(connection: BoundedConnection, job: Job, tell: Callable[[str], None] = quiet) -> State:
    """Do the same as `apply`, on a connection in autocommit; two round trips if nothing is pending."""
    found, state, plan = _read_and_plan(connection, job)
    if plan.is_empty and not state.drift:
        return state
    with locked(connection, job.limits, tell) as is_free:
        if not is_free or _read_history(connection, job.limits) != found:  # another migrator was faster
            found, state, plan = _read_and_plan(connection, job)
        with connection.deadline(job.limits.answer_seconds):
            history.prepare(connection)
            _settle_drift(connection, job, state, plan)
            schemas = found.schemas.union(*(one.schemas for one in (*plan.baseline, *plan.pending)))
            _mark_as_applied(connection, plan, schemas)
        with watched(connection, job.limits.progress_seconds, tell) as watch:
            _run_all(connection, plan, schemas, Runner(job.limits, tell, watch))
        found = _read_history(connection, job.limits)
        if found.catalog is None:  # another version of this program has recorded it since, in its own format
            return _read_state(connection, found, job.limits)[1]
        return State(found.applied, found.catalog, (), found.catalog, found.begun)  # as recorded just now


def _read_and_plan(connection: BoundedConnection, job: Job) -> tuple[History, State, MigrationPlan]:
    found = _read_history(connection, job.limits)
    plan = _plan(job, found)
    if not plan.is_empty and found.catalog is None:
        # Nothing is recorded yet to compare the catalog with; it is recorded after the last migration.
        return found, State(found.applied, {}, ()), plan
    read, state = _read_state(connection, found, job.limits)
    return read, state, plan if read == found else _plan(job, read)


def _read_history(connection: BoundedConnection, limits: Limits) -> History:
    with connection.deadline(limits.answer_seconds):
        return history.read(connection)


def _plan(job: Job, found: History) -> MigrationPlan:
    plan = make_plan(job.migrations, found.applied, job.target, job.baseline)
    timeout = job.limits.statement_timeout
    for problem in guards.check(plan.pending, plan.done(job.migrations), statement_timeout=timeout):
        raise problem
    return plan


def _read_state(connection: BoundedConnection, found: History, limits: Limits) -> tuple[History, State]:
    with connection.deadline(limits.answer_seconds):
        before = None
        while True:
            live = catalog.read(connection, found.schemas)
            drift = catalog.compare(found.catalog, live) if found.catalog is not None else []
            if not drift or found == before:
                return found, State(found.applied, live, tuple(drift), found.catalog, found.begun)
            # Another migrator may have been active between the two reads: drift is relative to the same history.
            before, found = found, history.read(connection)


def _settle_drift(connection: BoundedConnection, job: Job, state: State, plan: MigrationPlan) -> None:
    drift = state.drift_for(plan)
    if drift and not job.accept_drift:
        raise drifted(state, drift)
    if state.drift and plan.is_empty:
        history.note_catalog(connection, state.catalog)


def drifted(state: State, drift: Sequence[str]) -> InfraError:
    """Return the error for a database that was changed by others."""
    shown = "; ".join(drift[:5]) + (f"; and {len(drift) - 5} more" if len(drift) > 5 else "")
    problem = f"was changed by others since {state.applied[-1].file}: {shown}"
    return InfraError("schema", problem, 'undo it, write it as a migration, or set schemaDrift to "accept"')


def _mark_as_applied(connection: BoundedConnection, plan: MigrationPlan, schemas: frozenset[str]) -> None:
    if not plan.baseline:
        return
    with connection.transaction():
        for migration in plan.baseline:
            is_last = migration is plan.baseline[-1]
            found = catalog.read(connection, schemas) if is_last else None
            history.record(connection, migration, baseline=True, catalog=found)


@dataclass(frozen=True)
class Runner:
    """What the migrations of one run share: the limits, the output of progress, and the watch."""

    limits: Limits
    tell: Callable[[str], None]
    watch: StatementWatch


def _run_all(connection: BoundedConnection, plan: MigrationPlan, schemas: frozenset[str], runner: Runner) -> None:
    for number, migration in enumerate(plan.pending, start=1):
        try:
            seconds = _run(connection, migration, runner, noted=schemas if number == len(plan.pending) else None)
        except Failure:
            if number > 1:  # those before it stay applied; record their result, unless the connection is gone as well
                with contextlib.suppress(psycopg.Error), connection.deadline(runner.limits.answer_seconds):
                    history.note_catalog(connection, catalog.read(connection, schemas))
            raise
        runner.tell(f"applied {migration.file} in {seconds:.2f} s")


def _run(
    connection: BoundedConnection, migration: MigrationFile, runner: Runner, *, noted: frozenset[str] | None
) -> float:
    """Run one migration, and retry it if a lock timed out; return its seconds."""
    limits = runner.limits
    run = concurrently.run if migration.directives.no_transaction else execute.run
    timeouts = Timeouts(
        migration.directives.lock_timeout or limits.lock_timeout,
        migration.directives.statement_timeout or limits.statement_timeout,
        limits.answer_seconds,
    )
    pause = limits.pause_seconds
    for attempt in range(2, limits.attempts + 2):
        began = time.monotonic()
        try:
            run(connection, migration, timeouts, runner.watch, noted=noted)
        except LockBusyError as busy:
            if attempt > limits.attempts:
                problem = f"{busy.problem}, {limits.attempts} times"
                raise InfraError(busy.subject, problem, _oldest_transaction(connection) or busy.next_step) from None
            runner.tell(f"{busy.subject}: {busy.problem}; attempt {attempt} of {limits.attempts}")
            time.sleep(pause * random.uniform(0.75, 1.0))  # noqa: S311  # spreads, protects nothing
            pause *= 2
        else:
            return time.monotonic() - began
    raise AssertionError("unreachable")


_OLDEST = """
SELECT format('pid %s (%s, %s for %s s)', pid, coalesce(nullif(application_name, ''), 'unnamed'), state,
    extract(epoch FROM now() - xact_start)::integer)
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
ORDER BY xact_start LIMIT 1
"""


def _oldest_transaction(connection: BoundedConnection) -> str:
    """Return a hint about a lock that timed out: the session with the oldest transaction most likely holds it."""
    with contextlib.suppress(psycopg.Error):
        row = connection.execute(_OLDEST).fetchone()
        return f"the oldest open transaction of this database is that of {row[0]}" if row else ""
    return ""
