"""Three concurrent builds, ended at every point by kill -9 or by a timeout: the next run makes them, valid."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from convos_infra.errors import InfraError
from convos_infra.schema import guards
from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import apply
from tests.schema.concurrent_builds import CONCURRENT, converges
from tests.schema.migrating import QUICK, job, migrations, up, versions
from tests.schema.postgres_server import Server, embedded_binaries, new_database, running
from tests.schema.wire_proxy import proxied

pytestmark = pytest.mark.postgres
TABLES = """
CREATE SCHEMA app;
CREATE TABLE app.t (id integer, n integer);
INSERT INTO app.t VALUES (1, 1), (2, 2);
CREATE TABLE app.other (id integer);
"""
BUILDS = (TABLES, *CONCURRENT)
INVALID = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("builds") / "postgres", embedded_binaries()) as found:
        yield found


def build(url: str) -> None:
    apply(parse_url(url), job(*BUILDS))


def killed_then_run_again(embedded: Server, cut: str, position: int) -> bool:
    """Return whether the position was reached."""
    with new_database(embedded) as database:
        up(database, *BUILDS[:1])
        with proxied(embedded.port, cut, position) as wire:
            process = PROCESSES.Process(target=build, args=(embedded.url(database.name, port=wire.port),))
            wire.kill = process.kill
            process.start()
            process.join(30)
            assert process.exitcode in (0, -9), (cut, position, process.exitcode)
            reached = process.exitcode != 0
        applied = {version for (version,) in database.rows("SELECT version FROM schema_history")}
        # The copy that REINDEX leaves is not what a record speaks of; an index of 0002 or 0003 is.
        for version, index in (("0002", "t_id"), ("0003", "t_n")):
            if version in applied:
                assert database.value(f"SELECT indisvalid FROM pg_index WHERE indexrelid = 'app.{index}'::regclass")
        converges(database, TABLES, (cut, position))
        return reached


@pytest.mark.parametrize("cut", ["killed before", "killed after"])
def test_killed_at_round_trips_of_three_concurrent_builds(embedded: Server, cut: str) -> None:
    """Every fifth one, `before` and `after` at different ones; KILL_EVERY=1 takes all, which is some minutes."""
    step = int(os.environ.get("KILL_EVERY", "5"))
    position = killed = min(step, 1 if cut == "killed before" else 3)
    while killed_then_run_again(embedded, cut, position):
        killed, position = position, position + step
    print(f"{cut}: killed up to position {killed}, every {step}, each converged on the next run")
    assert killed > 25


@pytest.mark.parametrize("waits", ["for a writer of the table", "for an old snapshot"])
@pytest.mark.parametrize("number", [2, 3, 4])
@pytest.mark.parametrize("ended", ["statement-timeout", "lock-timeout"])
def test_a_build_that_times_out_leaves_nothing_and_is_made_by_the_next_run(
    embedded: Server, ended: str, number: int, waits: str
) -> None:
    """A writer holds a build up in its first phase, a snapshot in its last one, when its index is there and invalid."""
    limits = replace(QUICK, attempts=1, statement_timeout="10s", lock_timeout="9s")
    limits = replace(limits, **{ended.replace("-", "_"): "100ms"})  # type: ignore[arg-type]
    with new_database(embedded) as database:
        up(database, *BUILDS[: number - 1])
        with psycopg.connect(database.url) as other:
            if waits == "for an old snapshot":
                other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                other.execute("SELECT count(*) FROM app.other")
            else:
                other.execute("INSERT INTO app.t VALUES (3, 3)")
            with pytest.raises(InfraError, match=f"^{number:04}_m{number}.sql:2: .*, (57014|55P03)"):
                up(database, *BUILDS[:number], limits=limits)
            assert database.value("SELECT max(version) FROM schema_history") == f"{number - 1:04}"
            other.rollback()
        converges(database, TABLES, (ended, number, waits))
        assert database.value(INVALID) == 0


def test_a_detached_partition_that_was_cut_half_way_is_finished_by_the_next_run(embedded: Server) -> None:
    """DETACH … CONCURRENTLY commits its first half, then waits for whoever reads the table."""
    parts = "CREATE TABLE parts (id integer) PARTITION BY RANGE (id);\n"
    parts += "CREATE TABLE part PARTITION OF parts FOR VALUES FROM (1) TO (10);"
    detach = "-- no-transaction\n-- allow: detach-partition part\nALTER TABLE parts DETACH PARTITION part CONCURRENTLY;"
    pending = "SELECT count(*) FROM pg_inherits WHERE inhdetachpending"
    with new_database(embedded) as database:
        up(database, parts)
        with psycopg.connect(database.url) as other:
            other.execute("SELECT count(*) FROM parts")
            with pytest.raises(InfraError, match="^0002_m2.sql:3: .*, (57014|55P03)"):
                up(database, parts, detach, limits=replace(QUICK, attempts=1, statement_timeout="100ms"))
            assert database.value(pending) == 1, "its first half is done"
        state = up(database, parts, detach)
        assert (versions(state), state.drift) == (["0001", "0002"], ())
        assert database.value("SELECT count(*) FROM pg_inherits") == 0
        assert up(database, parts, detach) == state


def test_an_index_that_was_dropped_half_way_is_gone_after_the_next_run(embedded: Server) -> None:
    """DROP INDEX CONCURRENTLY first makes the index invalid, then waits for whoever uses the table."""
    files = (
        BUILDS[0] + "CREATE INDEX t_n ON app.t (n);",
        "-- no-transaction\nDROP INDEX CONCURRENTLY IF EXISTS app.t_n;",
    )
    with new_database(embedded) as database:
        up(database, files[0])
        with psycopg.connect(database.url) as other:
            other.execute("INSERT INTO app.t VALUES (3, 3)")
            with pytest.raises(InfraError, match="^0002_m2.sql:2: .*, (57014|55P03)"):
                up(database, *files, limits=replace(QUICK, attempts=1, statement_timeout="100ms"))
            other.rollback()
        state = up(database, *files)
        assert (versions(state), state.drift) == (["0001", "0002"], ())
        assert database.value("SELECT to_regclass('app.t_n')") is None


def test_detach_concurrently_needs_the_file_without_a_transaction_and_takes_it() -> None:
    parts = "CREATE TABLE parts (id integer) PARTITION BY RANGE (id);"
    text = "-- allow: detach-partition part\nALTER TABLE parts DETACH PARTITION part CONCURRENTLY;"
    for head, refused in (("", True), ("-- no-transaction\n", False)):
        two = migrations(parts, head + text)
        assert bool(guards.check(two[1:], two[:1])) is refused
