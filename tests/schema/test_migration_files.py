"""Files as values: names, order, texts and directives; each refusal is one line that names the file."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from convos_infra.errors import InfraError
from convos_infra.schema import guards
from convos_infra.schema.migration import FOLDER, latest_version, parse, parse_file, read_folder

SQUAWK = str(Path(sys.executable).with_name("squawk"))
RELEASED = Path(__file__).parent / "released_migrations.json"
SQL = "SELECT 1;"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["0001_a.sql", "0003_c.sql"], "0003_c.sql: 0002 is missing before it; numbers must have no gap"),
        (["0002_b.sql"], "0002_b.sql: 0001 is missing before it; numbers must have no gap"),
        (["0001_a.sql", "0002_b.sql", "0002_c.sql"], "0002_c.sql: has the same number as 0002_b.sql; number it 0003"),
        (["1_a.sql"], "1_a.sql: is not a migration's name; name it like 0002_add_notes.sql"),
        (["0001-a.sql"], "0001-a.sql: is not a migration's name; name it like 0002_add_notes.sql"),
        (["0001_A.sql"], "0001_A.sql: is not a migration's name; name it like 0002_add_notes.sql"),
        (["0001_é.sql"], "0001_é.sql: is not a migration's name; name it like 0002_add_notes.sql"),
        (["000\u0661_a.sql"], "000\u0661_a.sql: is not a migration's name; name it like 0002_add_notes.sql"),
    ],
)
def test_names_that_cannot_be_are_refused(names: list[str], message: str) -> None:
    with pytest.raises(InfraError) as found:
        parse(dict.fromkeys(names, SQL))
    assert str(found.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "0001_a.sql: has no statement; write one, or remove the file"),
        ("  \n-- nothing\n;;\n", "0001_a.sql: has no statement; write one, or remove the file"),
        ("\ufeffSELECT 1;", "0001_a.sql:1: begins with a byte order mark; save it as UTF-8 without one"),
        ("SELECT '\x00';", "0001_a.sql: contains a NUL character; remove it"),
        (
            "-- lock-timeout: soon\nSELECT 1;",
            "0001_a.sql:1: lock-timeout must be a time such as 500ms, 5s or 2min; not 'soon'",
        ),
        (
            "-- statement-timeout: 0s\nSELECT 1;",
            "0001_a.sql:1: statement-timeout must be a time such as 500ms, 60s or 10min; not '0s'",
        ),
        (
            "-- lock-timout: 5s\nSELECT 1;",
            '0001_a.sql:1: "lock-timout" is not a directive; did you mean lock-timeout? (prose begins with a capital)',
        ),
        (
            "-- owner: me\nSELECT 1;",
            (
                '0001_a.sql:1: "owner" is not a directive; known are allow, lock-timeout, no-transaction,'
                " requires-image, statement-timeout (prose begins with a capital)"
            ),
        ),
        (
            "-- requires-image: latest\nSELECT 1;",
            "0001_a.sql:1: requires-image must be an image revision such as sha-1a2b3c4; not 'latest'",
        ),
        (
            "-- allow: drop-column\nSELECT 1;",
            (
                "0001_a.sql:1: allow must be a rule and its object, such as drop-column agent_metadata.notes;"
                " not 'drop-column'"
            ),
        ),
        ("-- lock-timeout: 1s\n-- lock-timeout: 2s\nSELECT 1;", "0001_a.sql:2: lock-timeout is given twice; keep one"),
    ],
)
def test_texts_that_cannot_be_are_refused(text: str, message: str) -> None:
    with pytest.raises(InfraError) as found:
        _ = parse_file("0001_a.sql", text).directives
    assert str(found.value) == message


def test_a_file_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_bytes(b"SELECT 1;\nSELECT '\xe4';")
    with pytest.raises(InfraError, match=re.escape("0001_a.sql:2: is not UTF-8; save it as UTF-8")):
        read_folder(tmp_path)


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match=r"^migrations in none: No such file or directory$"):
        read_folder(tmp_path / "none")


def test_the_checksum_is_of_the_text_and_not_of_its_line_ends() -> None:
    unix, windows = (
        parse_file("0001_a.sql", "SELECT 1;\nSELECT 2;\n"),
        parse_file("0001_a.sql", "SELECT 1;\r\nSELECT 2;\r\n"),
    )
    assert unix.checksum == windows.checksum
    assert unix.checksum != parse_file("0001_a.sql", "SELECT 1;\nSELECT 2; \n").checksum


def test_directives_are_read_and_prose_is_left_alone() -> None:
    text = (
        "-- Prose: with a colon.\n-- no-transaction\n-- lock-timeout: 2s\n-- statement-timeout: 10min\n"
        "-- requires-image: sha-1a2b3c4\n-- allow: drop-table a\n-- allow: drop-column a.b c\nSELECT 1; -- like: this\n"
    )
    found = parse_file("0001_a.sql", text).directives
    assert found.no_transaction
    assert (found.lock_timeout, found.statement_timeout, found.requires_image) == ("2s", "10min", "sha-1a2b3c4")
    assert found.allow == {"drop-table a", "drop-column a.b c"}


def test_the_newest_version_is_that_of_the_last_file() -> None:
    assert latest_version() == parse(read_folder())[-1].version


def test_our_own_migrations_pass_every_guard() -> None:
    assert guards.check(parse(read_folder())) == []


def test_our_own_migrations_pass_squawk() -> None:
    """The two rules that are left out ask for what the runner sets for every statement."""
    files = sorted(str(path) for path in FOLDER.glob("*.sql"))
    left_out = ["--exclude=require-lock-timeout", "--exclude=require-statement-timeout"]
    command = [SQUAWK, "--pg-version=15.0", "--assume-in-transaction", *left_out, "--reporter=gcc"]
    in_transaction = [file for file in files if "-- no-transaction" not in Path(file).read_text().splitlines()]
    done = subprocess.run([*command, *in_transaction], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    others = sorted(set(files) - set(in_transaction))
    if others:
        command.remove("--assume-in-transaction")
        done = subprocess.run([*command, *others], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_squawk_would_find_something(tmp_path: Path) -> None:
    bad = tmp_path / "0002_bad.sql"
    bad.write_text("ALTER TABLE agent_metadata ALTER COLUMN notes SET NOT NULL;\n")
    done = subprocess.run([SQUAWK, "--pg-version=15.0", "--reporter=gcc", str(bad)], capture_output=True, text=True)
    assert done.returncode != 0


def test_released_migrations_never_change() -> None:
    """A release adds its migrations to the file; what is in there is for ever."""
    released = json.loads(RELEASED.read_text())
    now = {one.file: one.checksum for one in parse(read_folder())}
    assert {file: now.get(file) for file in released} == released
    assert list(now)[: len(released)] == list(released), "new migrations come after the released ones"


def test_a_file_whose_ending_is_in_capitals_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text("SELECT 1;")
    (tmp_path / "0002_b.SQL").write_text("SELECT 2;")
    with pytest.raises(InfraError, match="0002_b.SQL: is not a migration's name; name it like 0002_add_notes.sql"):
        parse(read_folder(tmp_path))
