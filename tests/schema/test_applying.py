"""What a run does to a real database, and what it leaves when it fails."""

from __future__ import annotations

import pytest

from convos_infra.errors import InfraError
from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import apply
from convos_infra.schema.history import program_version
from tests.schema.migrating import job, up, versions
from tests.schema.postgres_server import USER, Database
from tests.schema.wire_proxy import proxied
from tests.support.ports import free_port

pytestmark = pytest.mark.postgres

A = "CREATE TABLE a (id integer PRIMARY KEY);"
B = "CREATE TABLE b (id integer PRIMARY KEY, a_id integer REFERENCES a);\nINSERT INTO a VALUES (1);"
INDEX = "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a_id ON a (id);"
UNIQUE = '-- no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "A Name" ON a (n);'


def test_a_fresh_database_gets_all_files_and_a_history_of_them(database: Database) -> None:
    state = up(database, A, B)
    assert versions(state) == ["0001", "0002"]
    assert database.tables() == ["a", "b", "schema_history"]
    rows = database.rows(
        "SELECT version, name, checksum ~ '^sha256:[0-9a-f]{64}$', applied_at > now() - interval '1 minute',"
        " seconds BETWEEN 0 AND 60, applied_by, program, baseline FROM schema_history ORDER BY version"
    )
    assert rows == [(f"000{n}", f"m{n}", True, True, True, USER, program_version(), False) for n in (1, 2)]


def test_a_database_that_has_some_gets_the_others_only(database: Database) -> None:
    up(database, A)
    told: list[str] = []
    apply(parse_url(database.url), job(A, B), told.append)
    assert len(told) == 1
    assert told[0].startswith("applied 0002_m2.sql in ")


def test_a_target_stops_there_and_the_next_run_goes_on(database: Database) -> None:
    assert versions(up(database, A, B, INDEX, target="0002")) == ["0001", "0002"]
    assert versions(up(database, A, B, INDEX)) == ["0001", "0002", "0003"]


def test_a_baseline_marks_without_running_and_only_where_there_is_no_history(database: Database) -> None:
    database.run(A)
    state = up(database, A, B, baseline="0001")
    assert [(one.version, one.baseline) for one in state.applied] == [("0001", True), ("0002", False)]
    assert versions(up(database, A, B, INDEX, baseline="0003")) == ["0001", "0002", "0003"]
    assert database.value("SELECT count(*) FROM pg_indexes WHERE indexname = 'a_id'") == 1


def test_a_run_with_nothing_to_do_costs_two_round_trips(database: Database) -> None:
    up(database, A, B)
    with proxied(database.server.port) as wire:
        address = parse_url(database.server.url(database.name, port=wire.port))
        from convos_infra.schema.connection import connect

        connect(address, wait_seconds=5).close()
        connecting = wire.messages
        wire.messages = 0
        apply(address, job(A, B))
        assert wire.messages - connecting <= 3, f"connecting {connecting}, the whole run {wire.messages}"


def test_two_hundred_small_migrations_are_applied_in_order(database: Database) -> None:
    texts = [f"CREATE TABLE t{n} (id integer PRIMARY KEY);" for n in range(200)]
    state = up(database, *texts)
    assert versions(state) == [f"{n:04}" for n in range(1, 201)]
    assert len(database.tables()) == 201


@pytest.mark.parametrize(
    ("bad", "line", "words"),
    [
        (
            "SELECT 1;\n\nSELEC 2;",
            3,
            'PostgreSQL\'s parser says "syntax error at or near "SELEC""; see the ^ in: ^SELEC 2;',
        ),
        ("SELECT 1;\nSELECT\n  'ä', nope FROM a;", 3, 'PostgreSQL says "column "nope" does not exist", 42703'),
        ("INSERT INTO a VALUES (7);\nINSERT INTO a VALUES (7);", 2, "(Key (id)=(7) already exists.), 23505"),
        (
            "SELECT 1;\nDO $$\nBEGIN\n  PERFORM 1;\n  RAISE EXCEPTION 'no' USING HINT = 'do that';\nEND $$;",
            5,
            "P0001; do that",
        ),
        ("SELECT length(1);", 1, "42883; No function matches"),
        ("CREATE TABLE x (t text DEFAULT 'abc);", 1, "unterminated quoted string"),
    ],
    ids=["syntax", "column", "no position", "in a DO block", "hint", "open string"],
)
def test_a_failure_names_file_line_and_sqlstate_and_leaves_nothing(
    database: Database, bad: str, line: int, words: str
) -> None:
    up(database, A)
    text = "CREATE TABLE gone (id integer);\n" + bad
    with pytest.raises(InfraError) as found:
        up(database, A, text)
    message = str(found.value)
    assert message.startswith(f"0002_m2.sql:{line + 1}: ")
    assert words in message
    assert "\n" not in message
    assert database.tables() == ["a", "schema_history"]
    assert database.value("SELECT count(*) FROM a") == 0
    assert database.value("SELECT count(*) FROM schema_history") == 1


def test_those_before_a_failure_stay_and_are_not_taken_for_drift(database: Database) -> None:
    with pytest.raises(InfraError, match=r"^0003_m3\.sql:1: "):
        up(database, A, B, "SELECT nope;")
    state = up(database, A, B, "SELECT 1;")
    assert versions(state) == ["0001", "0002", "0003"]
    assert state.drift == ()


def test_a_statement_that_takes_too_long_is_ended_and_the_file_can_ask_for_more(database: Database) -> None:
    with pytest.raises(InfraError, match=r'0001_m1\.sql:2: .*statement timeout.*57014; increase it by "-- statement-'):
        up(database, "-- statement-timeout: 50ms\nSELECT pg_sleep(5);")
    up(database, "-- statement-timeout: 9s\nSELECT pg_sleep(0.1);")


def test_an_index_is_built_outside_a_transaction(database: Database) -> None:
    up(database, A, INDEX)
    assert database.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_id'::regclass") is True


def test_an_index_that_failed_leaves_nothing_and_is_built_by_the_next_run(database: Database) -> None:
    table = "CREATE TABLE a (n integer);\nINSERT INTO a VALUES (1), (1);"
    with pytest.raises(InfraError, match=r"^0002_m2\.sql:2: .*23505"):
        up(database, table, UNIQUE)
    assert database.value("SELECT count(*) FROM pg_class WHERE relname = 'A Name'") == 0
    database.run("DELETE FROM a")
    up(database, table, UNIQUE)
    assert database.value("""SELECT indisvalid FROM pg_index WHERE indexrelid = '"A Name"'::regclass""") is True


def test_an_invalid_index_of_a_killed_run_is_built_anew(database: Database) -> None:
    """`IF NOT EXISTS` alone would take the invalid one for good."""
    up(database, "CREATE TABLE a (n integer);")
    database.run("INSERT INTO a VALUES (1), (1)")
    with pytest.raises(Exception, match="duplicate"):
        database.run('CREATE UNIQUE INDEX CONCURRENTLY "A Name" ON a (n)')
    database.run("DELETE FROM a")
    up(database, "CREATE TABLE a (n integer);", UNIQUE, accept_drift=True)
    assert database.value("""SELECT indisvalid FROM pg_index WHERE indexrelid = '"A Name"'::regclass""") is True


def test_files_run_in_the_schema_public_whatever_the_role_is_set_to(database: Database) -> None:
    database.run(f"CREATE SCHEMA other; ALTER ROLE {USER} IN DATABASE {database.name} SET search_path = other")
    up(database, A)
    assert database.value("SELECT count(*) FROM pg_tables WHERE schemaname = 'other'") == 0


def test_nothing_of_a_run_stays_in_the_server(database: Database) -> None:
    up(database, A, INDEX)
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    locks += " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    assert database.value(locks) == 0


def test_a_table_of_the_historys_name_that_is_not_ours_is_refused(database: Database) -> None:
    database.run("CREATE TABLE schema_history (x integer)")
    with pytest.raises(InfraError, match="table schema_history: exists already, but is not the history"):
        up(database, A)


def test_a_database_that_starts_is_waited_for(database: Database) -> None:
    """Nothing listens at first; then a proxy does, long before a database would."""
    import threading

    port = free_port()
    import socket

    from tests.schema.wire_proxy import Proxy

    class Late(Proxy):
        def start(self) -> None:
            self.listener = socket.create_server(("127.0.0.1", port))
            threading.Thread(target=self._accept, daemon=True).start()

    late = Late(database.server.port)
    timer = threading.Timer(0.5, late.start)
    timer.start()
    try:
        state = apply(parse_url(database.server.url(database.name, port=port)), job(A))
    finally:
        timer.join()
        late.stop()
    assert versions(state) == ["0001"]
