"""What Railway does stands once, in docs/railway-facts.md: each row is cited, and each citation has its row."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
REGISTER = CHECKOUT / "docs" / "railway-facts.md"
CITATION = re.compile(r"\(facts?\s?[:§0-9][^()]*\)")
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
KNOWN = re.compile(r"(documented|seen|inferred): \S")


def rows(register: str) -> list[list[str]]:
    lines = [line for line in register.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def citations(text: str) -> Iterator[str]:
    """Return the ids that a text cites; one that is not written as `(fact: <id>)` comes as it stands."""
    for found in CITATION.finditer(text):
        label, colon, id_ = found.group(0)[1:-1].partition(": ")
        yield id_ if (label, colon) == ("fact", ": ") else found.group(0)


@pytest.fixture(scope="module")
def cited() -> set[tuple[str, str]]:
    """Return each citation of the checkout, with the file that holds it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    found = set()
    for name in filter(None, listed):
        path = CHECKOUT / name
        if path in {REGISTER, Path(__file__)} or not path.is_file() or path.is_symlink():
            continue
        found |= {(name, id_) for id_ in citations(path.read_bytes().decode(errors="replace"))}
    return found


def test_every_citation_has_a_row(cited: set[tuple[str, str]]) -> None:
    known = {row[0] for row in rows(REGISTER.read_text())}
    assert len(cited) > 30
    assert {(file, id_) for file, id_ in cited if id_ not in known} == set()


def test_every_row_is_cited(cited: set[tuple[str, str]]) -> None:
    assert {row[0] for row in rows(REGISTER.read_text())} - {id_ for _, id_ in cited} == set()


def test_rows_are_sorted_and_say_how_it_is_known() -> None:
    table = rows(REGISTER.read_text())
    ids = [row[0] for row in table]
    assert ids
    assert ids == sorted(set(ids))
    assert [row for row in table if len(row) != 3 or not ID.fullmatch(row[0]) or not KNOWN.match(row[2])] == []


def test_no_file_cites_a_page_that_is_not_in_the_repository() -> None:
    found = subprocess.run(["git", "grep", "-In", "facts " + "§"], cwd=CHECKOUT, capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (1, "")


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("# Reads lag (fact: read-lag).", ["read-lag"]),
        ("(fact: a) and (fact: b-2)", ["a", "b-2"]),
        ("(facts " + "§2.1)", ["(facts " + "§2.1)"]),
        ("(fact:read-lag)", ["(fact:read-lag)"]),
        ("(facts: a, b)", ["(facts: a, b)"]),
        ("(fact: read-\n# lag)", ["read-\n# lag"]),
        ("artifact: read-lag, a factor (factory: x)", []),
    ],
)
def test_a_citation_is_read_as_it_is_written(text: str, ids: list[str]) -> None:
    assert list(citations(text)) == ids
