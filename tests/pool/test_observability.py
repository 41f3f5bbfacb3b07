"""The log, the events and the numbers: one line an act with its reason, kept over restarts, read by machines."""

from __future__ import annotations

import json
import re
import signal
import threading
from typing import Any

import pytest
from convos_pool import log_line
from convos_pool.act import Act
from convos_pool.database import Database
from convos_pool.errors import DatabaseUnavailableError
from convos_pool.event_store import MOST_KEPT, EventStore, KeptEvent
from convos_pool.journal import Journal
from convos_pool.metrics import Measured, render
from convos_pool.tally import Tally

from tests.emulator.fix_emulator import until
from tests.pool.pool_process import Pool, waited
from tests.pool.surroundings import NEXT_IMAGE, Surroundings, agents, until_idle

WISH = {"agentName": "Ada", "instructions": "Be brief."}
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\.)*",?)+)\})? (-?[0-9.e+-]+)')


def logged(pool: Pool) -> list[dict[str, Any]]:
    return [json.loads(line) for line in pool.printed().splitlines()]


def numbers(pool: Pool) -> dict[str, float]:
    """Return every sample of /metrics; a line that is neither one nor a comment fails."""
    answer = pool.call("GET", "/metrics", headers={})
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parsed(answer.text)


def parsed(text: str) -> dict[str, float]:
    found = {}
    for line in text.splitlines():
        if not line.startswith("# "):
            match = SAMPLE.fullmatch(line)
            assert match, line
            found[f"{match[1]}{{{match[2]}}}" if match[2] else match[1]] = float(match[3])
    return found


def events(pool: Pool) -> list[tuple[str, str]]:
    return [(one["act"], one.get("agentId", "")) for one in pool.json("GET", "/api/pool/events")["events"]]


def test_each_act_is_a_line_an_event_and_a_number(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        claimed = pool.json("POST", "/api/pool/claim", WISH)["instanceId"]
        until_idle(pool, 1)
        (idle,) = [one["id"] for one in agents(pool) if one["state"] == "idle"]
        pool.json("DELETE", f"/api/pool/instances/{claimed}")
        acts = {(line["act"], line["agent"]): line for line in logged(pool) if "agent" in line}
        wanted = {("made", claimed), ("claimed", claimed), ("made", idle), ("killed", claimed)}
        assert wanted <= set(acts)
        assert acts["killed", claimed]["reason"] == "killed while claimed"
        assert acts["killed", claimed]["message"] == f"pool: {claimed}: killed while claimed"
        assert [one for one in events(pool) if one in wanted] == [
            ("killed", claimed),
            ("made", idle),
            ("claimed", claimed),
            ("made", claimed),
        ]
        shown = numbers(pool)
        assert shown['convos_pool_claims_total{outcome="claimed"}'] == 1
        assert shown['convos_pool_agents{state="idle"}'] == 1
        assert shown['convos_pool_ticks_total{outcome="done"}'] >= 2
        assert shown["convos_pool_claims_seconds_total"] > 0
        until(lambda: len(around.sql("SELECT 1 FROM pool_event")) >= 4, 10)
        pool.restart()
        until(lambda: wanted <= set(events(pool)), 20, pool.printed)
        assert pool.call("GET", "/api/pool/events", headers={}).status_code == 401


def test_a_failure_is_said_once_counted_each_time_and_none_of_it_is_a_secret(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="0", DATABASE_URL="postgresql://owner:secret-word@127.0.0.1:9/pool") as pool:
        key = 'convos_pool_failures_total{kind="database"}'
        until(lambda: numbers(pool).get(key, 0) >= 3, 30, pool.printed)
        failures = [line for line in logged(pool) if line.get("act") == "failure"]
        assert [line["level"] for line in failures] == ["warn"]
        assert "connection" in failures[0]["reason"]
        assert "secret-word" not in pool.printed()
        shown = numbers(pool)
        assert not [name for name in shown if name.startswith("convos_pool_agents")], "nothing was seen yet"


def test_without_its_table_events_are_kept_in_memory_and_the_pool_works(around: Surroundings) -> None:
    around.sql("DROP TABLE pool_event")
    around.keep_schema("0003")
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        assert [act for act, _ in events(pool)] == ["made"]


def test_the_newest_500_are_kept(around: Surroundings) -> None:
    store = EventStore(Database(around.database.url))
    store.exchange([KeptEvent(float(number), "made", "", str(number)) for number in range(MOST_KEPT)])
    kept = store.exchange([KeptEvent(9999.0, "made", "a", f"late {number}") for number in range(7)])
    assert [one.reason for one in kept[:8]] == [f"late {number}" for number in reversed(range(7))] + ["499"]
    assert (len(kept), kept[-1].reason) == (MOST_KEPT, "7")
    assert around.sql("SELECT count(*) FROM pool_event") == [(MOST_KEPT,)]


class _Away(EventStore):
    """A database that is away for a while."""

    def __init__(self) -> None:
        self.is_away = True
        self.kept: list[KeptEvent] = []

    def exchange(self, events: Any) -> list[KeptEvent]:
        if self.is_away:
            raise DatabaseUnavailableError("database: away")
        self.kept = [*reversed(events), *self.kept]
        return self.kept


def test_what_happens_while_the_database_is_away_is_kept_when_it_is_back() -> None:
    store, lines = _Away(), []
    journal = Journal(store, lines.append)
    for number in range(MOST_KEPT + 3):
        journal(Act("made", f"made {number}", "abc"))
    journal("not an act")
    assert not journal.exchange()
    assert journal.recent()[0].reason == f"made {MOST_KEPT + 2}"
    store.is_away = False
    assert journal.exchange()
    assert [len(store.kept), store.kept[-1].reason, len(journal.recent())] == [MOST_KEPT, "made 3", MOST_KEPT]
    assert journal.exchange(), "again"
    assert len(store.kept) == MOST_KEPT, "nothing is kept twice"
    assert lines[-1] == "not an act"


def test_a_line_for_a_terminal_is_plain_and_one_for_a_machine_is_json() -> None:
    act = Act("killed", 'it said "no"\n\x1b[2J', "abc")
    assert log_line.plain(act) == 'pool: abc: it said "no"\\n\\x1b[2J'
    found = json.loads(log_line.structured(act, 0.0))
    assert found["time"] == "1970-01-01T00:00:00.000+00:00"
    assert (found["act"], found["agent"], found["level"]) == ("killed", "abc", "info")
    assert log_line.structured(act, 0.0).isprintable()


def test_a_label_with_a_quote_stays_one_label() -> None:
    measured = Measured(None, 0.0, 3, Tally().counted(), 7, 0, True, 'de"v\\\n', "1")
    found = parsed(render(measured))
    assert found['convos_pool_info{environment="de\\"v\\\\\\n",version="1"}'] == 1
    assert (found["convos_pool_railway_calls_left"], found["convos_pool_closed"]) == (7, 1)


def test_a_rollout_is_stopped_by_hand_and_its_batch_goes_back(around: Surroundings) -> None:
    policy = {"POOL_ROLLOUT_POLICY": "redeploy-idle", "POOL_ROLLOUT_BAKE_MS": "86400000"}
    with around.pool(POOL_MIN_IDLE="3", **policy) as pool:
        until_idle(pool, 3)
        before = around.images()
        assert pool.call("POST", "/api/pool/rollout/abort").status_code == 409, "nothing is rolled out"
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE)
        until(lambda: around.images()[NEXT_IMAGE] == 1, 20, pool.printed)
        text = pool.json("POST", "/api/pool/rollout/abort")["text"]
        assert text == "stopped by hand at batch 1; the batch is being rolled back"
        until(lambda: around.images() == before, 20, pool.printed)
        # The patch is there before the round that has sent it is over.
        until(lambda: pool.json("GET", "/api/pool/rollout")["state"] == "aborted", 20, pool.printed)
        state = pool.json("GET", "/api/pool/rollout")
        assert (state["state"], state["text"]) == ("aborted", text)
        again = pool.call("POST", "/api/pool/rollout/abort")
        assert (again.status_code, "it has stopped already" in again.text) == (409, True)


def test_a_rollout_that_is_held_cannot_be_stopped(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="0") as pool:
        answer = pool.call("POST", "/api/pool/rollout/abort")
        assert (answer.status_code, answer.json()["error"]) == (409, "abort: the policy is hold, nothing is rolled out")


@pytest.mark.parametrize("hangs", ["a claim", "a tick"])
def test_sigterm_ends_it_within_ten_seconds_whatever_hangs(around: Surroundings, hangs: str) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        around.farm.hold = threading.Event()
        if hangs == "a claim":
            asking = threading.Thread(target=lambda: _ignoring(pool), daemon=True)
            asking.start()
            until(lambda: around.sql("SELECT 1 FROM agent_metadata"), 20)
        else:
            around.emulator.settings(latency_ms=60_000)
            until(lambda: numbers(pool)['convos_pool_ticks_total{outcome="done"}'] > 0, 20)
        assert pool.process is not None
        pool.process.send_signal(signal.SIGTERM)
        ended = pool.process.poll
        seconds = waited(20, lambda: ended() is not None)
        around.farm.hold.set()
        assert seconds < 10, pool.printed()[-2000:]


def _ignoring(pool: Pool) -> None:
    try:
        pool.call("POST", "/api/pool/claim", WISH)
    except OSError:
        return
