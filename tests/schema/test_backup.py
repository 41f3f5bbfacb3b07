"""A backup comes out as it went in; a drill changes nothing else, and no password shows."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from convos_infra.errors import InfraError
from convos_infra.schema.address import Address, parse_url
from ops.backup import dump, pg_program, restoring
from tests.schema.postgres_server import Database

ON_ONE = pytest.mark.parametrize("server", ["embedded"], indirect=True)
ROWS = """CREATE TABLE plain (id int PRIMARY KEY, words text);
CREATE TABLE "Odd name; --" (id bigserial PRIMARY KEY, body jsonb, of int REFERENCES plain);
CREATE SCHEMA other; CREATE TABLE other.empty ();
INSERT INTO plain SELECT n, 'ä ''quoted'' ' || n FROM generate_series(1, 500) n;
INSERT INTO "Odd name; --" (body, of) SELECT jsonb_build_object('n', n), n FROM generate_series(1, 20) n"""
SUM = "SELECT md5(string_agg(p::text, '|' ORDER BY id)) FROM plain p"


def address_of(database: Database) -> Address:
    return parse_url(database.url)


def databases(database: Database) -> set[str]:
    return {row[0] for row in database.rows("SELECT datname FROM pg_database")}


@ON_ONE
def test_a_backup_comes_out_as_it_went_in(database: Database, tmp_path: Path) -> None:
    database.run(ROWS)
    before, known = database.value(SUM), databases(database)
    address, file = address_of(database), tmp_path / "new folder" / "one.dump"
    made = dump.made("qa", address, file)
    assert made.contents.rows == {"other.empty": 0, "public.Odd name; --": 20, "public.plain": 500}
    assert file.stat().st_mode & 0o777 == 0o600
    assert address.password not in dump.note_of(file).read_text()
    assert sorted(one.name for one in file.parent.iterdir()) == ["one.dump", "one.dump.json"]

    drilled = restoring.drilled(dump.read(file), address)
    assert drilled.differences == ()
    assert drilled.where.rpartition("/")[2].startswith(restoring.SCRATCH)
    assert databases(database) == known, "the scratch database is gone"

    database.run("""DELETE FROM "Odd name; --"; UPDATE plain SET words = 'lost'; DROP TABLE other.empty""")
    restored = restoring.in_place(dump.read(file), address)
    assert restored.differences == ()
    assert database.value(SUM) == before

    database.run("CREATE TABLE newer (id int); INSERT INTO newer VALUES (1)")
    again = restoring.in_place(dump.read(file), address)
    assert again.differences == ("public.newer: no table -> 1",), "what is newer than the backup stays, and is named"


@ON_ONE
def test_a_restore_that_fails_changes_nothing(database: Database, tmp_path: Path) -> None:
    database.run(ROWS)
    address, file = address_of(database), tmp_path / "one.dump"
    dump.made("qa", address, file)
    database.run("UPDATE plain SET words = 'newer'; CREATE VIEW uses AS SELECT * FROM plain")
    before, known = database.value(SUM), databases(database)
    with pytest.raises(InfraError, match="pg_restore: .*cannot drop table") as caught:
        restoring.in_place(dump.read(file), address)
    assert address.password not in str(caught.value)
    assert (database.value(SUM), databases(database)) == (before, known)


@ON_ONE
def test_what_is_no_backup_is_refused_before_the_database_is_asked(database: Database, tmp_path: Path) -> None:
    address, file = address_of(database), tmp_path / "one.dump"
    database.run("CREATE TABLE plain (id int)")
    with pytest.raises(InfraError, match="cannot be read: No such file"):
        dump.read(file)
    dump.made("qa", address, file)
    with pytest.raises(InfraError, match="exists already"):
        dump.made("qa", address, file)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    with pytest.raises(InfraError, match="its checksum differs"):
        dump.read(file)
    file.write_bytes(whole)
    for note in ("", "[]", "{}", '{"rows": 7}', "\x00"):
        dump.note_of(file).write_text(note)
        with pytest.raises(InfraError, match="is not a note that make backup wrote"):
            dump.read(file)


@ON_ONE
def test_a_wrong_password_and_no_server_are_one_line_each(database: Database, tmp_path: Path) -> None:
    address = address_of(database)
    with pytest.raises(InfraError) as caught:
        dump.made("qa", replace(address, password="wr0ng-word"), tmp_path / "a.dump")
    assert "wr0ng-word" not in str(caught.value)
    with pytest.raises(InfraError):
        dump.made("qa", parse_url("postgresql://u:s3cret-word@127.0.0.1:9/x"), tmp_path / "b.dump")
    assert list(tmp_path.iterdir()) == []
    given = pg_program.environment(address, {"PGHOST": "elsewhere", "PGPASSFILE": "x", "PATH": os.environ["PATH"]})
    assert given["PGHOST"] == address.host
    assert "PGPASSFILE" not in given


def test_the_program_that_fits_the_server_best_is_taken() -> None:
    assert pg_program.found("pg_dump", 1).major <= pg_program.found("pg_dump", 18).major == 18
    with pytest.raises(
        InfraError, match=r"pg_dump: is version \d+, and the server is 99; install the client of PostgreSQL 99"
    ):
        pg_program.found("pg_dump", 99)
    with pytest.raises(InfraError, match="pg_nothing: is not on this machine"):
        pg_program.found("pg_nothing", 1)
