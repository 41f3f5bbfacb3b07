"""`make schema-check`: from nothing and from each release the migrations end in expected.sql; other ends are told."""

from __future__ import annotations

import re

import pytest

from convos_infra.schema.migration import parse, read_folder
from tests.schema.check import CHECKSUMS, EXPECTED, beginnings, catalog_of, check_one, portable
from tests.schema.postgres_server import Server, debian_binaries, embedded_binaries, installed

FILES = read_folder()


@pytest.fixture(scope="module")
def wanted(server: Server) -> dict[str, str]:
    return catalog_of(server, EXPECTED.read_text())


@pytest.mark.postgres
@pytest.mark.parametrize("name", beginnings())
def test_every_release_is_brought_to_the_expected_schema(server: Server, wanted: dict[str, str], name: str) -> None:
    found = check_one(server, 0, name, beginnings()[name], parse(FILES), wanted)
    assert found.problems == ()
    assert found.applied == len(FILES) - beginnings()[name].count("INSERT INTO public.schema_history")


@pytest.mark.postgres
def test_a_migration_that_expected_sql_does_not_have_is_told_by_name(server: Server, wanted: dict[str, str]) -> None:
    more = {**FILES, f"{len(FILES) + 1:04}_more.sql": "CREATE TABLE more (id integer);"}
    found = check_one(server, 0, "0.1", beginnings()["0.1"], parse(more), wanted)
    assert found.problems == ("added: column more.id integer", "added: table more")
    assert str(found).endswith(": added: column more.id integer; added: table more")


@pytest.mark.postgres
def test_a_migration_that_fails_and_a_released_one_that_changed_are_told_by_file(
    server: Server, wanted: dict[str, str]
) -> None:
    bad = {**FILES, f"{len(FILES) + 1:04}_bad.sql": "ALTER TABLE agent_metadata ADD COLUMN notes no_such_type;"}
    (problem,) = check_one(server, 0, "nothing", "", parse(bad), wanted).problems
    assert problem.startswith(f"{len(FILES) + 1:04}_bad.sql:1: PostgreSQL says"), problem
    first = min(FILES)
    changed = {**FILES, first: f"{FILES[first]}\nSELECT 1;\n"}
    (problem,) = check_one(server, 0, "0.1", beginnings()["0.1"], parse(changed), wanted).problems
    assert problem.startswith(f"{first}: was changed after it was applied"), problem


def test_each_released_file_is_in_the_history_of_a_recorded_release() -> None:
    """What released_migrations.json holds for ever is what the dumps of the releases have, by checksum."""
    dumped = set(re.findall(r"sha256:[0-9a-f]{64}", "".join(beginnings().values())))
    assert set(re.findall(r"sha256:[0-9a-f]{64}", CHECKSUMS.read_text())) == dumped


def test_every_server_of_this_machine_is_found_by_its_major_version() -> None:
    found = installed()
    assert embedded_binaries() in found.values()
    assert debian_binaries() is None or debian_binaries() in found.values()


def test_a_dump_is_kept_without_what_other_versions_do_not_know() -> None:
    dump = "--\n-- Name\n--\n\n\\restrict x\nSET transaction_timeout = 0;\n\n\nCREATE TABLE a (\n    set text\n);\n"
    assert portable(dump) == "CREATE TABLE a (\n    set text\n);\n"
