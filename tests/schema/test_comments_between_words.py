"""Comments between two words that the parser reads together, such as NOT IN."""

# ruff: noqa: E501  # SQL
from __future__ import annotations

import psycopg
import pytest

from convos_infra.schema import guards
from convos_infra.schema.script import NotSqlError, read_script, without_comments
from convos_infra.schema.tree import without_locations
from tests.schema.migrating import migrations
from tests.schema.postgres_server import Database

PAIRS = (
    "SELECT 1 WHERE 1 NOT{}IN (2)",
    "SELECT 1 WHERE 1 NOT{}BETWEEN 2 AND 3",
    "SELECT 1 WHERE 'a' NOT{}LIKE 'b'",
    "SELECT 1 WHERE 'a' NOT{}ILIKE 'b'",
    "SELECT 1 WHERE 'a' NOT{}SIMILAR{}TO 'b'",
    "SELECT 1 ORDER BY 1 NULLS{}FIRST",
    "SELECT 1 ORDER BY 1 DESC NULLS{}LAST",
    "SELECT CAST('10:00+00' AS time WITH{}TIME{}ZONE)",
    "SELECT '2026-01-01'::timestamp WITHOUT{}TIME{}ZONE",
    "SELECT * FROM unnest(ARRAY[1]) WITH{}ORDINALITY",
    "SELECT U&'d!0061'{}UESCAPE{}'!'",
    "SELECT 1 NOT{}IN (2), '/* é */ -- ;', $$/* ; -- $$, $ö$ -- ; $ö$, E'\\'--', \"x -- /*\" FROM (SELECT 1 AS \"x -- /*\") q",
    "SELECT 1 WHERE{}1 NOT{}IN{}(SELECT 2 WHERE 3 NOT{}BETWEEN 4 AND 5){}",
)
COMMENTS = (" /* c */ ", "/**/", " /* a /* ; */ ' */ ", " -- x; '\n", "/* ä */--$$ é\n\t", "\n--\n/*\n*/\n")
BEFORE = "SELECT 'ä€', /* 𝄞 */ 1; -- ü\n"


def trees(sql: str) -> list[bytes]:
    return [without_locations(one.node) for one in read_script(sql).statements]


@pytest.mark.parametrize("comment", COMMENTS)
def test_a_comment_changes_neither_the_tree_nor_a_place(comment: str) -> None:
    for pair in PAIRS:
        text = pair.replace("{}", comment)
        script = read_script(f"{BEFORE}{text};\nSELECT 2 NOT{comment}IN (3)")
        assert [without_locations(one.node) for one in script.statements[1:]] == trees(
            f"{pair.replace('{}', ' ')}; SELECT 2 NOT IN (3)"
        ), pair
        first, second, third = script.statements
        assert script.sql[second.offset :].startswith(second.text)
        assert (first.line, second.line, third.line) == (1, 2, 3 + text.count("\n"))
        assert second.text.strip() in text


@pytest.mark.postgres
def test_postgresql_takes_the_same_and_refuses_the_same(database: Database) -> None:
    with database.connect() as connection:
        for comment in COMMENTS:
            for pair in PAIRS:
                connection.execute(pair.replace("{}", comment).encode())
            joined = f"SELECT 'a'{comment}'b'"
            try:
                connection.execute(joined.encode())
                is_taken = True
            except psycopg.errors.SyntaxError:
                is_taken = False
            assert is_taken == (comment == COMMENTS[3]), comment
            try:
                read_script(joined)
            except NotSqlError:
                assert not is_taken, comment
            else:
                assert is_taken, comment


@pytest.mark.parametrize("comment", COMMENTS)
def test_the_guard_reads_bodies_with_such_comments(comment: str) -> None:
    condition = f"IF 1 NOT{comment}IN (2) THEN"
    for text in (
        f"DO $b$ BEGIN {condition} DELETE{comment}FROM f; END IF; END $b$;",
        f"CREATE FUNCTION g() RETURNS void LANGUAGE plpgsql AS $b$ BEGIN {condition} TRUNCATE{comment}f; END IF; END $b$; SELECT g();",
        f"CREATE FUNCTION g() RETURNS void LANGUAGE sql AS $b$ DELETE FROM f WHERE 1 NOT{comment}IN (2) $b$; SELECT g();",
        f"DELETE FROM f WHERE 1 NOT{comment}IN (2);",
    ):
        first, second = migrations("CREATE TABLE f (id integer);", text)
        (problem,) = guards.check([second], [first])
        assert problem.problem.endswith(("unless a WHERE provably excludes one", "TRUNCATE loses data")), text


def test_an_error_behind_comments_is_at_its_place() -> None:
    with pytest.raises(NotSqlError) as found:
        read_script("/* ö */ SELECT 1 NOT /* ä𝄞 */ IN (2);\n/* é */ SELECT 1 NOT /* ü */ IN (2) nope nope")
    assert (found.value.line, found.value.column) == (2, 42)
    assert found.value.caret[1].index("^") == found.value.text.rindex("nope")


def test_a_text_keeps_its_length_and_its_lines() -> None:
    for text in (
        *(pair.replace("{}", comment) for pair in PAIRS for comment in COMMENTS),
        "/* open",
        "SELECT 'open -- x",
    ):
        blank = without_comments(text)
        assert len(blank.encode()) == len(text.encode())
        assert [len(line.encode()) for line in blank.split("\n")] == [len(line.encode()) for line in text.split("\n")]
