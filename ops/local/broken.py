"""Sets a database file aside that a crash or a full disk has damaged; its contents are created again if possible."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from pathlib import Path


def set_aside(file: Path) -> Path | None:
    """Rename a SQLite file that cannot be read, with its log; return the new name, or None if the file is fine."""
    if not file.exists() or is_readable(file):
        return None
    aside = file.with_name(f"{file.name}.broken-{time.time_ns()}")
    for suffix in ("", "-wal", "-shm"):
        part = file.with_name(file.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


def is_readable(file: Path) -> bool:
    """Tell whether SQLite can read a file, including its log."""
    try:
        connection = sqlite3.connect(f"file:{quote(str(file))}?mode=rw", uri=True)
    except sqlite3.Error:
        return False
    try:
        return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.Error:
        return False
    finally:
        connection.close()
