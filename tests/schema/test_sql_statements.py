"""The lexer: where statements end, by PostgreSQL's rules, and what PostgreSQL itself makes of them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convos_infra.schema import guards
from convos_infra.schema.script import NotSqlError, Script, line_of, read_script
from tests.schema.migrating import migrations
from tests.schema.postgres_server import Database

ONE = [
    "SELECT ';'",
    "SELECT 'it''s; fine'",
    r"SELECT E'it\'s; fine'",
    "SELECT U&'\\0041;'",
    'SELECT 1 AS "a;b""c;"',
    "SELECT $$;$$",
    "SELECT $a$ $$;$$ $b$;$b$ $a$",
    "SELECT 1 /* ; /* ; */ ; */ + 1",
    "SELECT 1 -- ;\n + 1",
    "SELECT (1)",
    "DO $$ BEGIN PERFORM 1; PERFORM 2; END $$",
    "CREATE FUNCTION f() RETURNS integer BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END",
    "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)",
    "SELECT 1 AS a$b",
    "SELECT 'a'\n';'",
    "SELECT 1 - -1",
]


@pytest.mark.parametrize("text", ONE)
def test_a_semicolon_inside_does_not_end_a_statement(text: str) -> None:
    script = read_script(f"{text};\nSELECT 2;")
    assert [one.text for one in script.statements] == [text, "SELECT 2"]


@pytest.mark.postgres
@pytest.mark.parametrize("text", ONE)
def test_postgresql_takes_each_piece_as_one_statement(database: Database, text: str) -> None:
    """An extended-protocol message must hold exactly one: PostgreSQL is asked, not our idea of it."""
    database.run("CREATE TABLE t (id integer)")
    (statement,) = read_script(text + ";").statements
    with database.connect() as connection:
        connection.execute(statement.text.encode(), prepare=True)


@given(st.lists(st.sampled_from(ONE), min_size=1, max_size=6), st.data())
def test_any_sequence_comes_apart_again(texts: list[str], data: st.DataObject) -> None:
    glue = st.sampled_from([";", " ;\n", ";\n-- x;\n", ";;", "; /* ; */ "])
    script = read_script("".join(text + data.draw(glue) for text in texts))
    assert [one.text for one in script.statements] == texts


@given(st.text(alphabet="a';\"$-/*\\\n()E beginatomic", max_size=60))
def test_any_text_is_read_and_every_statement_is_where_it_says(text: str) -> None:
    refused: NotSqlError | None = None
    script = Script("", ())
    try:
        script = read_script(text)
    except NotSqlError as error:
        refused = error
    assert refused is None or 1 <= refused.line <= text.count("\n") + 1
    for one in script.statements:
        assert text[one.offset : one.offset + len(one.text)] == one.text
        assert one.line == line_of(text, one.offset)


@pytest.mark.parametrize("text", ["SELECT 'open;", "SELECT $$open;", "/* open;", 'SELECT "open;', "SELECT E'open\\';"])
def test_what_is_not_closed_is_refused_where_it_opens(text: str) -> None:
    with pytest.raises(NotSqlError, match="unterminated") as found:
        read_script(f"SELECT 1;\n{text}")
    assert found.value.line == 2
    assert found.value.column == (1 if text.startswith("/*") else 8)


def test_a_syntax_error_has_its_line_and_a_caret_behind_letters_of_any_width() -> None:
    with pytest.raises(NotSqlError) as found:
        read_script("SELECT 1;\nSELECT 'über', \t 1 FORM é;\n-- end\n")
    assert (found.value.line, found.value.column) == (2, 25)
    line, caret = found.value.caret
    assert line == "SELECT 'über', \t 1 FORM é;"
    assert line[len(caret) - 1 :].startswith("é")


def test_comments_are_found_with_their_lines_but_not_in_strings() -> None:
    script = read_script("-- one\nSELECT '-- not', $$\n-- not\n$$; -- two\n/* -- not */\n  --three")
    assert [(one.text, one.line) for one in script.comments] == [("one", 1), ("two", 4), ("three", 6)]


def test_psycopg_would_refuse_two_statements_in_one_message(server: object, database: Database) -> None:
    """What makes the test above able to fail."""
    with database.connect() as connection, pytest.raises(psycopg.errors.SyntaxError, match="multiple commands"):
        connection.execute(b"SELECT 1; SELECT 2", prepare=True)


def test_a_large_file_is_read_in_time_that_grows_with_its_length_alone() -> None:
    spent = []
    for number in (10_000, 40_000):
        rows = "".join(f"INSERT INTO a (id, note) VALUES ({one}, 'note {one}');\n" for one in range(number))
        (migration,) = migrations(rows)
        began = time.process_time()
        assert guards.check((migration,)) == []
        spent.append(time.process_time() - began)
    assert spent[1] < 8 * spent[0] + 0.5, spent


def test_the_parser_is_not_loaded_where_nothing_is_pending() -> None:
    """It takes a tenth of a second: the most frequent preview has nothing to read."""
    code = (
        "import sys; from convos_infra.schema import guards, image; from convos_infra.schema.migration import parse,"
        " read_folder; m = parse(read_folder()); guards.check((), m); image.requirements(m);"
        " sys.exit('postgast' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0
