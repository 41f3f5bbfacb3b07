"""The table of bad inputs: a folder of files and a URL go in, as a person would give them, and one line comes out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from convos_infra.errors import InfraError
from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import Job, apply
from convos_infra.schema.migration import parse, read_folder
from tests.schema.migrating import QUICK, up
from tests.schema.postgres_server import ENCODED, PASSWORD, Database

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.postgres
ONE, TWO = b"CREATE TABLE a (id integer);\n", b"SELECT 2;\n"
GOOD = {"0001_m1.sql": ONE, "0002_m2.sql": TWO}


@dataclass(frozen=True)
class Bad:
    """What goes in: `applied` is in the database; `url` and `sql` change how it is reached and what it is like."""

    files: dict[str, bytes]
    line: str
    applied: tuple[bytes, ...] = ()
    url: Callable[[str], str] = str
    sql: str = ""


BAD = {
    "gap": Bad({"0001_m1.sql": ONE, "0003_m3.sql": TWO}, "0003_m3.sql: 0002 is missing before it"),
    "duplicate": Bad({**GOOD, "0002_n.sql": TWO}, "0002_n.sql: has the same number as 0002_m2.sql; number it 0003"),
    "renamed": Bad({"0001_new.sql": ONE}, "0001_new.sql: was applied as 0001_m1.sql", (ONE,)),
    "changed": Bad({"0001_m1.sql": TWO}, "0001_m1.sql: was changed after it was applied", (ONE,)),
    "vanished": Bad({}, "0001_m1.sql: the database has it, but this program ends at nothing", (ONE,)),
    "newer history": Bad({"0001_m1.sql": ONE}, "0002_m2.sql: the database has it, but this program ends", (ONE, TWO)),
    "not UTF-8": Bad({"0001_m1.sql": b"SELECT 1;\n\n-- \xff\n"}, "0001_m1.sql:3: is not UTF-8; save it as UTF-8"),
    "byte order mark": Bad({"0001_m1.sql": b"\xef\xbb\xbfSELECT 1;"}, "0001_m1.sql:1: begins with a byte order mark"),
    "empty": Bad({"0001_m1.sql": b""}, "0001_m1.sql: has no statement; write one, or remove the file"),
    "syntax error": Bad(
        {"0001_m1.sql": ONE + b"\r\nSELEKT 1;\r\n"},
        '0001_m1.sql:3: PostgreSQL\'s parser says "syntax error at or near "SELEKT""',
    ),
    "two outside a transaction": Bad(
        {"0001_m1.sql": b"-- no-transaction\nVACUUM a;\nVACUUM b;"},
        "0001_m1.sql:3: a file with -- no-transaction must contain one statement",
    ),
    "DROP": Bad({**GOOD, "0002_m2.sql": b"DROP TABLE a;"}, "0002_m2.sql:1: DROP TABLE loses data; add", (ONE,)),
    "unknown directive": Bad(
        {"0001_m1.sql": b"-- alow: x\n" + ONE}, '0001_m1.sql:1: "alow" is not a directive; did you'
    ),
    "wrong password": Bad(
        GOOD, "refuses the user or the password (user owner)", url=lambda url: url.replace(ENCODED, "wr0ng-" + ENCODED)
    ),
    "TLS required": Bad(
        GOOD,
        "does not offer TLS (user owner); if the network in between is private",
        url=lambda url: f"{url}?sslmode=require",
    ),
    "read only": Bad(
        GOOD,
        "is read-only for owner; give the address of the primary",
        sql=(
            "DO $$ BEGIN"
            " EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database());"
            " END $$"
        ),
    ),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_input_is_one_line_without_a_password_and_changes_nothing(
    bad: Bad, database: Database, tmp_path: Path
) -> None:
    for name, text in bad.files.items():
        (tmp_path / name).write_bytes(text)
    if bad.applied:
        up(database, *(text.decode() for text in bad.applied))
    if bad.sql:
        database.run(bad.sql)
    before = database.tables()
    with pytest.raises(InfraError) as found:
        apply(parse_url(bad.url(database.url)), Job(parse(read_folder(tmp_path)), limits=QUICK))
    said = str(found.value)
    assert bad.line in said
    assert "\n" not in said
    assert not re.search("|".join(map(re.escape, (PASSWORD, ENCODED, "wr0ng"))), said)
    after = [table for table in database.tables() if table != "schema_history"]
    assert after == [table for table in before if table != "schema_history"]


def test_a_file_with_windows_line_ends_is_no_bad_input(database: Database, tmp_path: Path) -> None:
    (tmp_path / "0001_m1.sql").write_bytes(ONE.replace(b"\n", b"\r\n"))
    state = apply(parse_url(database.url), Job(parse(read_folder(tmp_path)), limits=QUICK))
    assert state == up(database, ONE.decode()), "the checksum is that of the text"
