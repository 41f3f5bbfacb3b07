"""The emulator's store where SQLite cannot write: what it remembers is what a restart would know."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from emulator.store import Store


@pytest.fixture
def full(tmp_path: Path) -> Store:
    """A store whose file cannot grow any more: SQLite says SQLITE_FULL, as on a full disk."""
    store = Store(tmp_path / "state.sqlite")
    store.put("project", "p", {"name": "one"})
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    return store


def known(tmp_path: Path) -> list[str]:
    again = Store(tmp_path / "state.sqlite")
    try:
        return sorted(row["name"] for row in again.all("project"))
    finally:
        again.close()


def test_a_write_that_does_not_reach_the_file_is_not_remembered(full: Store, tmp_path: Path) -> None:
    large = {"name": "two", "filler": "x" * 100_000}
    with pytest.raises(sqlite3.OperationalError, match="full"):
        full.put("project", "q", large)
    assert [row["name"] for row in full.all("project")] == known(tmp_path) == ["one"]


@pytest.mark.parametrize("caught", [False, True], ids=["the writer ends", "a resolver's error is answered"])
def test_of_a_transaction_on_a_full_disk_nothing_is_left(full: Store, tmp_path: Path, *, caught: bool) -> None:
    def write() -> None:
        full.put("project", "p", {"name": "renamed"})
        try:
            full.put("project", "q", {"name": "two", "filler": "x" * 100_000})
        except sqlite3.OperationalError:
            if not caught:
                raise

    with pytest.raises(sqlite3.OperationalError), full.transaction():
        write()
    assert [row["name"] for row in full.all("project")] == known(tmp_path) == ["one"]
    # When there is room again, it goes on.
    full._connection.execute("PRAGMA max_page_count = 100000")
    with full.transaction():
        full.put("project", "q", {"name": "two", "filler": "x" * 100_000})
    assert known(tmp_path) == ["one", "two"]
