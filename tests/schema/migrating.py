"""Small words for the tests: migrations from texts, and a run with short waits."""

from __future__ import annotations

from dataclasses import replace

from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import Job, State, apply
from convos_infra.schema.limits import Limits
from convos_infra.schema.migration import MigrationFile, parse
from tests.schema.postgres_server import Database

QUICK = Limits(
    connect_seconds=20,
    wait_seconds=20,
    lock_timeout="200ms",
    statement_timeout="10s",
    attempts=2,
    pause_seconds=0.05,
    answer_seconds=10,
    idle_seconds=20,
)


def files(*texts: str) -> dict[str, str]:
    """Return migrations named `0001_m1.sql`, `0002_m2.sql`, …"""
    return {f"{number:04}_m{number}.sql": text for number, text in enumerate(texts, start=1)}


def migrations(*texts: str) -> tuple[MigrationFile, ...]:
    return parse(files(*texts))


def job(*texts: str, limits: Limits = QUICK, **fields: object) -> Job:
    return replace(Job(migrations(*texts), limits=limits), **fields)  # type: ignore[arg-type]


def up(database: Database, *texts: str, limits: Limits = QUICK, **fields: object) -> State:
    return apply(parse_url(database.url), job(*texts, limits=limits, **fields))


def versions(state: State) -> list[str]:
    return [one.version for one in state.applied]
