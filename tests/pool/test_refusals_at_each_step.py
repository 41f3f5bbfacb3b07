"""A database that refuses at each step of a round and of a claim: a full disk, a lost race, a standby, a shutdown.

The round says what the database says and ends, nobody is handed out twice, and the next rounds put everything right.
`REFUSALS=all` refuses each statement with each SQLSTATE; without it, each statement has the next SQLSTATE in turn.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest
from convos_pool.errors import UnavailableError
from convos_pool.serve import Service

from tests.emulator.fix_emulator import until
from tests.pool.holding_railway import door
from tests.pool.surroundings import Surroundings
from tests.pool.swallowing_wire import wire
from tests.pool.test_silence_at_each_step import (
    SPARE,
    WISH,
    Ground,
    _is_all_known,
    bounded,
    cut_round,
    steps_of_a_round,
)
from tests.support.refusing_postgres import CODES

IS_ALL = os.environ.get("REFUSALS") == "all"


@pytest.fixture
def refused(around: Surroundings) -> Iterator[Ground]:
    with door(around.emulator.endpoint) as railway, wire(around.database.url) as line:
        yield Ground(around, railway, line)


def cases(steps: int) -> Iterator[tuple[int, str]]:
    """Return steps and SQLSTATEs: each with each, or each step with the next one in turn."""
    if IS_ALL:
        return itertools.product(range(steps), CODES)
    return zip(range(steps), itertools.cycle(CODES), strict=False)


def test_a_round_that_the_database_refuses_at_any_step_says_so_and_nothing_is_lost(refused: Ground) -> None:
    service = refused.service()
    refused.settle(service)
    steps = steps_of_a_round(refused, service)
    heard, rounds = 0, 0
    for step, code in cases(steps):
        refused.line.refuses = code
        heard, rounds = heard + bool(cut_round(refused, service, step, steps)), rounds + 1
    print(f"{rounds} rounds refused, {heard} ended with the database's words, all healed")
    # A kept connection whose first statement is refused is replaced by a new one, without a word.
    assert heard >= rounds // 3


def test_a_claim_that_the_database_refuses_at_any_step_hands_nobody_out_twice(refused: Ground) -> None:
    service = refused.service(POOL_ROLLOUT_POLICY="hold", POOL_MIN_IDLE=str(SPARE))
    refused.settle(service, SPARE)
    before = refused.line.sent
    told = [service.pool.claim(WISH).instanceId]
    steps = refused.line.sent - before
    for number, (step, code) in enumerate(cases(steps)):
        if number and number % (SPARE - 2) == 0:
            until(lambda: _is_all_known_again(refused, service), 60.0)
            refused.settle(service, SPARE)
        refused.line.refuses, refused.line.dies_after, lost = code, step, refused.line.lost
        with bounded():
            told += _claimed(service)
        assert refused.line.lost > lost or step == steps - 1, (step, code)
        refused.line.dies_after = None
    until(lambda: _is_all_known_again(refused, service), 60.0)
    print(f"{number + 1} claims refused, {len(told)} agents handed out, none twice")
    assert len(set(told)) == len(told)
    taken = {row[0] for row in refused.around.sql("SELECT id FROM agent_metadata WHERE conversation_id IS NOT NULL")}
    assert set(told) <= taken
    assert set(refused.around.farm.conversations) == taken, "who was told is somebody's"


def _is_all_known_again(ground: Ground, service: Service) -> bool:
    # What was refused is old enough now to be found out about.
    ground.around.sql("UPDATE agent_metadata SET created_at = now() - interval '1 hour' WHERE conversation_id IS NULL")
    return _is_all_known(ground, service)


def _claimed(service: Service) -> list[str]:
    try:
        return [service.pool.claim(WISH).instanceId]
    except UnavailableError as error:
        assert str(error).startswith("database: "), str(error)  # noqa: PT017 - a claim may come through as well
        return []
