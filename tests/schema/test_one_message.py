"""The transaction of a file begins in the message of its first statement and ends in that of its last one."""

from __future__ import annotations

import pytest

from convos_infra.errors import InfraError
from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import apply
from tests.schema.migrating import job, up, versions
from tests.schema.postgres_server import USER, Database, new_database
from tests.schema.wire_proxy import proxied

pytestmark = pytest.mark.postgres
A = "CREATE TABLE a (id integer PRIMARY KEY, t text);"


def messages(database: Database, *texts: str) -> int:
    with new_database(database.server) as fresh, proxied(database.server.port) as wire:
        apply(parse_url(database.server.url(fresh.name, port=wire.port)), job(*texts))
        return wire.messages


def test_a_file_of_one_statement_takes_one_message_and_one_of_three_takes_three(database: Database) -> None:
    few = messages(database, A, "SELECT 1;")
    assert messages(database, A, "INSERT INTO a VALUES (1);", "SELECT 1;") == few + 1
    assert messages(database, A, "SELECT 1; SELECT 2; SELECT 3;", "SELECT 1;") == few + 3


ENDS = (
    "INSERT INTO a VALUES (1) -- the end",
    "INSERT INTO a VALUES (1) -- the end\n\n",
    "INSERT INTO a VALUES (1) /* the end */",
    "INSERT INTO a VALUES (1); -- the end",
    "INSERT INTO a VALUES (1);;\n;",
    "INSERT INTO a VALUES (1, $$;COMMIT;$$)",
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; INSERT INTO a VALUES (1)",
    "SET LOCAL standard_conforming_strings = off; INSERT INTO a VALUES (1, 'b\\\\c')",
    "SET LOCAL statement_timeout = '9s'; INSERT INTO a VALUES (1)",
)


def test_a_file_is_recorded_and_committed_however_it_ends(database: Database) -> None:
    """Each but the last file; the last one is recorded in a message of its own, with the content."""
    database.run(f"ALTER ROLE {USER} IN DATABASE {database.name} SET standard_conforming_strings = off")
    clear = "-- allow: delete-all a\nDELETE FROM a"
    state = up(database, A, *(text for end in ENDS for text in (clear, end)), "SELECT 1")
    assert len(versions(state)) == 2 * len(ENDS) + 2
    assert database.rows("SELECT id, t FROM a") == [(1, None)]
    assert state.drift == ()


PLACES = {
    "a column of the only statement": ("SELECT 'ä',\n nope FROM a;", 2, "42703"),
    "the parser of the server, at the end": ("SELECT 1\n  FROM\n  a WHERE id = ANY ('{1}'::nope);", 3, "42704"),
    "a column of the first statement": ("SELECT\n nope FROM a; SELECT 1;", 2, "42703"),
    "a column of the last statement": ("SELECT 1;\nSELECT\n 'ü', nope FROM a", 3, "42703"),
    "a value": ("SELECT 1;\nINSERT INTO a VALUES (1); INSERT INTO a VALUES (1)", 2, "23505"),
    "a block": ("DO $$\nBEGIN\n  RAISE EXCEPTION 'no';\nEND $$", 3, "P0001"),
    "the commit": (
        "CREATE TABLE b (id integer REFERENCES a DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO b VALUES (9)",
        2,
        "23503",
    ),
}


def test_an_error_in_any_message_names_the_line_of_the_file(database: Database) -> None:
    for place, (text, line, code) in PLACES.items():
        for follows in ((), ("SELECT 1;",)):  # as the last file of a run, and before another one
            with pytest.raises(InfraError) as found:
                up(database, A, text, *follows)
            assert str(found.value).startswith(f"0002_m2.sql:{line}: "), (place, follows)
            assert code in str(found.value), (place, follows)
    assert database.value("SELECT count(*) FROM schema_history") == 1
    assert database.tables() == ["a", "schema_history"]
