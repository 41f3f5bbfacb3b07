"""A morning in seconds; a week in minutes by `WEEK=150 SEED=<n> pytest tests/pool/test_week.py -s`.

`WEEK` is how many seconds the simulated hours of the week last in all; what happens in them takes its time beside that.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.emulator.fix_emulator import running_emulator
from tests.pool.agent_farm import running_farm
from tests.pool.surroundings import surroundings, until_idle
from tests.pool.week import HOUR, MORNING, Calendar, Week, pool_of
from tests.pool.week_invariants import MIN_IDLE, POOL_TOKEN, settle
from tests.schema.postgres_server import Database, embedded_binaries, running

SECONDS = float(os.environ.get("WEEK") or 0)
SEED = int(os.environ.get("SEED") or 1)
RESTED: dict[str, Any] = {"deploy_step_seconds": 0.05, "further_tokens": POOL_TOKEN, **HOUR}
AN_HOUR = 3600
"""The limit that other tests have would end a week on a busy machine, or one of more than ten minutes."""


def live(folder: Path, calendar: Calendar, hour_seconds: float) -> Week:
    """Go through a calendar, and print what was done."""
    with (
        running(folder / "postgres", embedded_binaries()) as server,
        running_emulator(folder, **RESTED) as emulator,
        running_farm() as farm,
        surroundings(folder, Database(server, "postgres"), emulator, farm) as around,
        pool_of(around) as pool,
    ):
        until_idle(pool, MIN_IDLE, 180)
        week = Week(around, server, SEED, hour_seconds, calendar)
        try:
            week.live(pool)
            settle(week, pool)
        finally:
            print("\n" + "\n".join(week.report()))
    return week


@pytest.mark.timeout(AN_HOUR)
@pytest.mark.minutes_long("WEEK=150 make test", asked=bool(SECONDS))
def test_a_week_loses_no_agent_and_no_key(tmp_path: Path) -> None:
    week = live(tmp_path, Calendar(), SECONDS / Calendar().hours)
    assert week.violations == []
    assert week.done["hours used up by others"] == len(Calendar().used_up_at)
    assert week.calls["429"], "the pool manager was throttled"


def test_a_morning_of_restarts_images_and_a_leaked_key_loses_nothing(tmp_path: Path) -> None:
    week = live(tmp_path, MORNING, 0.1)
    assert week.violations == []
    expected = {"restarts of the pool", "restarts of the railway", "restarts of the database", "images"}
    expected |= {"restarts of the agents", "restarts of the accounts"}
    assert week.done.keys() >= {*expected, "keys that leaked", "claims with 200"}
