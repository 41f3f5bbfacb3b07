"""PostgreSQL behind a network that swallows everything: nothing waits for it without end, and locks come free."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator

import pytest
from convos_pool.database import Database
from convos_pool.errors import ConflictError, UnavailableError
from convos_pool.heartbeat import Heartbeat
from convos_pool.journal import LibraryLog

from tests.emulator.fix_emulator import until
from tests.pool.surroundings import Surroundings, counts, until_idle
from tests.pool.swallowing_wire import Wire, wire

WISH = {"agentName": "Ada", "instructions": "Be brief."}


@pytest.fixture
def line(around: Surroundings) -> Iterator[Wire]:
    with wire(around.database.url) as found:
        yield found


def test_an_answer_that_does_not_come_is_an_error_and_the_next_try_works(line: Wire) -> None:
    database = Database(line.url, silence_seconds=0.5)
    with database.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        line.swallows.set()
        began = time.monotonic()
        with pytest.raises(Exception, match="no answer for"):
            connection.execute("SELECT 2")
        assert time.monotonic() - began < 5
        assert connection.closed
    line.swallows.clear()
    assert database.claims() == {}


def test_silence_at_the_end_of_a_block_is_the_databases_error(line: Wire) -> None:
    database = Database(line.url, silence_seconds=0.5)

    def cut_off_before_the_commit() -> None:
        with database.connect() as connection:
            connection.execute("INSERT INTO pool_event (kind, reason) VALUES ('made', 'x')")
            line.swallows.set()

    with pytest.raises(UnavailableError, match=r"^database: no answer for"):
        cut_off_before_the_commit()


def test_a_lock_comes_free_when_its_holder_cannot_be_heard_and_the_holder_learns_it(
    around: Surroundings, line: Wire
) -> None:
    cut_off = Database(line.url, silence_seconds=0.5, heartbeat=Heartbeat(0.1), idle_seconds=1.0)
    other = Database(around.database.url)
    with cut_off.lock("tick") as held:
        with pytest.raises(ConflictError), other.lock("tick"):
            pass
        line.swallows.set()
        with other.lock("tick", wait_seconds=10), pytest.raises(UnavailableError):
            held.confirm()


def test_a_lock_of_somebody_who_is_busy_for_long_stays(around: Surroundings) -> None:
    busy = Database(around.database.url, heartbeat=Heartbeat(0.05), idle_seconds=0.5)
    other = Database(around.database.url)
    with busy.lock("tick") as held:
        with pytest.raises(ConflictError), other.lock("tick", wait_seconds=1.5):
            pass
        held.confirm()
    with other.lock("tick"):
        pass


def test_no_more_connections_than_there_is_room_for_and_nobody_waits_in_a_ring(around: Surroundings) -> None:
    database, most, done = Database(around.database.url), [0], []

    def claim(number: int) -> None:
        with database.lock(f"agent-{number}"), database.connect() as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE application_name = 'convos-pool' AND datname = current_database()"
            ).fetchone()
            most[0] = max(most[0], row[0] if row else 0)
        done.append(number)

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(done) == 100
    assert 2 <= most[0] <= 20


def test_while_the_database_is_silent_counts_answer_the_log_says_it_and_then_it_goes_on(
    around: Surroundings, line: Wire
) -> None:
    with around.pool(POOL_MIN_IDLE="2", DATABASE_URL=line.url) as pool:
        until_idle(pool, 2)
        line.swallows.set()
        began = time.monotonic()
        answer = pool.call("POST", "/api/pool/claim", WISH)
        assert (answer.status_code, answer.json()["error"].startswith("database: ")) == (503, True)
        assert time.monotonic() - began < 15
        began = time.monotonic()
        assert counts(pool)["idle"] == 2
        assert pool.call("GET", "/", headers={}).status_code == 200
        assert time.monotonic() - began < 2
        until(lambda: "tick: database: " in pool.printed(), 40, pool.printed)
        line.swallows.clear()
        until(lambda: _claimed(pool.call("POST", "/api/pool/claim", WISH)), 30, pool.printed)
        said = [json.loads(one)["message"] for one in pool.printed().splitlines()]
        assert len([one for one in said if "tick: database: " in one]) <= 4, "a silence is said, not every second"


def test_what_a_library_says_is_one_line_like_every_other() -> None:
    lines: list[str] = []
    logger = logging.getLogger("tests.pool.library")
    handler = LibraryLog(lines.append)
    logger.addHandler(handler)
    logger.propagate = False
    logger.warning("it %s", "broke", exc_info=OSError("many\nlines"))
    logger.info("not this")
    assert lines == ["tests.pool.library: it broke: OSError"]


def _claimed(answer: object) -> bool:
    return getattr(answer, "status_code", 0) == 200
