"""Progress of a long migration: the running statement, its duration, and PostgreSQL's own progress report.

The session that runs the statement is busy, so a second one is opened once a statement takes long. Progress is best
effort: without that session, the line reports only how long the statement has been running.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from convos_infra.schema.connection import BoundedConnection
    from convos_infra.schema.script import Statement

_ANSWER_SECONDS = 5
_LONGEST_TEXT = 60
# While an index is built, its phase tells more than the lock that it waits for; see
# postgresql.org/docs/current/progress-reporting.html#CREATE-INDEX-PROGRESS-REPORTING.
_ASK = """
SELECT pg_blocking_pids(%(pid)s), p.phase, p.lockers_done, p.lockers_total, p.current_locker_pid,
    p.blocks_done, p.blocks_total, p.tuples_done, p.tuples_total
FROM (SELECT) one LEFT JOIN pg_stat_progress_create_index p ON p.pid = %(pid)s
"""


@dataclass(frozen=True)
class RunningStatement:
    """A running statement.

    Attributes:
        where: its file and line.
        text: the start of its text, on one line.
        since: when it was sent, on the monotonic clock.
    """

    where: str
    text: str
    since: float


@dataclass(frozen=True)
class IndexBuild:
    """The progress of an index build from `pg_stat_progress_create_index`; a count is 0 outside its phases.

    Attributes:
        phase: PostgreSQL's name of the current phase.
        lockers_done, lockers: how many of the transactions that it waits for have ended, and their total.
        locker: the session that it waits for now.
        blocks_done, blocks: how many blocks of the table or the index have been read, and their total.
        tuples_done, tuples: how many rows are in the index, and their total.
    """

    phase: str
    lockers_done: int | None
    lockers: int | None
    locker: int | None
    blocks_done: int | None
    blocks: int | None
    tuples_done: int | None
    tuples: int | None


class StatementWatch:
    """Holds the running statement; the thread of `watched` reads it."""

    def __init__(self) -> None:
        self.running: RunningStatement | None = None

    def begin(self, file: str, statement: Statement) -> None:
        """Record that a statement is sent now."""
        # A statement can be megabytes long, so only its start is put on one line.
        text = " ".join(statement.text[: 4 * _LONGEST_TEXT].split())
        shown = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
        self.running = RunningStatement(f"{file}:{statement.line}", shown, time.monotonic())

    def end(self) -> None:
        """Record that no statement runs."""
        self.running = None


@contextlib.contextmanager
def watched(
    connection: BoundedConnection, every_seconds: float, tell: Callable[[str], None]
) -> Iterator[StatementWatch]:
    """Report each statement that is still running after `every_seconds`, and again at that interval.

    Args:
        connection: the session that runs the statements.
        every_seconds: the interval, in seconds.
        tell: called with one line at a time, from a separate thread.
    """
    watch, done = StatementWatch(), threading.Event()
    thread = threading.Thread(target=_tell, args=(connection, watch, done, every_seconds, tell), daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        done.set()
        thread.join(_ANSWER_SECONDS)


def _tell(
    connection: BoundedConnection,
    watch: StatementWatch,
    done: threading.Event,
    every: float,
    tell: Callable[[str], None],
) -> None:
    told: RunningStatement | None = None
    due = 0.0
    with contextlib.ExitStack() as sessions:
        second: psycopg.Connection[Any] | None = None
        while not done.wait(min(every, 1.0) / 2):
            running = watch.running
            if running is None or time.monotonic() < (due if running is told else running.since + every):
                continue
            second = second or _second_session(connection, sessions)
            progress = _progress(second, connection.info.backend_pid)
            if watch.running is running and not done.is_set():
                seconds = time.monotonic() - running.since
                tell(f"{running.where}: still running after {seconds:.0f} s: {running.text}{progress}")
            told, due = running, time.monotonic() + every


def _second_session(connection: BoundedConnection, sessions: contextlib.ExitStack) -> psycopg.Connection[Any] | None:
    info = connection.info
    given: dict[str, Any] = {**info.get_parameters(), "connect_timeout": _ANSWER_SECONDS}
    with contextlib.suppress(psycopg.Error):
        second = psycopg.connect(**given, password=info.password, autocommit=True, prepare_threshold=None)
        return sessions.enter_context(contextlib.closing(second))
    return None


def _progress(connection: psycopg.Connection[Any] | None, pid: int) -> str:
    if connection is None:
        return ""
    with contextlib.suppress(psycopg.Error):
        row = connection.execute(_ASK.encode(), {"pid": pid}).fetchone()
        if row:
            return describe(row[0], None if row[1] is None else IndexBuild(*row[1:]))
    return ""


def describe(blocking: Sequence[int], build: IndexBuild | None) -> str:
    """Describe the progress of a statement; empty if PostgreSQL reports none. Pure.

    Args:
        blocking: the sessions whose locks it waits for.
        build: the progress of an index; None for any other statement.
    """
    if build is None:
        return f"; waits for a lock of pid {', '.join(map(str, blocking))}" if blocking else ""
    said = [f"; {build.phase}"]
    if build.lockers:
        said.append(f"{build.lockers_done or 0} of {build.lockers} transactions ended")
    if build.locker:
        said.append(f"waits for pid {build.locker}")
    elif build.blocks:
        said.append(f"{100 * (build.blocks_done or 0) // build.blocks} % of {build.blocks} blocks")
    elif build.tuples:
        said.append(f"{100 * (build.tuples_done or 0) // build.tuples} % of {build.tuples} rows")
    return ", ".join(said)
