"""A week in minutes: `WEEK=600 pytest tests/pool/test_week.py -s` for one of ten, with `SEED=<n>` another one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.emulator.fix_emulator import running_emulator
from tests.pool.agent_farm import running_farm
from tests.pool.surroundings import surroundings, until_idle
from tests.pool.week import HOURS, Week, pool_of
from tests.pool.week_invariants import MIN_IDLE, settle
from tests.schema.postgres_server import Database, embedded_binaries, running

SECONDS = float(os.environ.get("WEEK") or 0)
SEED = int(os.environ.get("SEED") or 1)
RESTED = {"deploy_step_seconds": 0.05}


@pytest.mark.minutes_long("WEEK=600 make test", asked=bool(SECONDS))
def test_a_week_loses_no_agent_and_no_key(tmp_path: Path) -> None:
    with (
        running(tmp_path / "postgres", embedded_binaries()) as server,
        running_emulator(tmp_path, **RESTED) as emulator,
        running_farm() as farm,
        surroundings(tmp_path, Database(server, "postgres"), emulator, farm) as around,
        pool_of(around) as pool,
    ):
        until_idle(pool, MIN_IDLE)
        week = Week(around, server, SEED, SECONDS / HOURS)
        try:
            week.live(pool)
            settle(week, pool)
        finally:
            print("\n" + "\n".join(week.report()))
        assert week.violations == []
