"""Keeps a copy of a SQLite file, and sets a damaged one aside: a crash or a full disk may have cut it off."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
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


def keep_copy(file: Path) -> None:
    """Copy a SQLite file that may be in use, whole or not at all."""
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    with closing(sqlite3.connect(_uri(file, "ro"), uri=True)) as source, closing(sqlite3.connect(fresh)) as copy:
        source.backup(copy)
    fresh.replace(_copy_of(file))


def bring_back(file: Path) -> bool:
    """Put the copy in the place of a file that was set aside; tell whether there was one that can be read."""
    copy = _copy_of(file)
    if file.exists() or not copy.exists() or not is_readable(copy):
        return False
    shutil.copyfile(copy, file)
    return True


def is_readable(file: Path) -> bool:
    """Tell whether SQLite can read a file, including its log; an empty one has lost what was in it."""
    if file.stat().st_size == 0:
        return False
    try:
        connection = sqlite3.connect(_uri(file, "rw"), uri=True)
    except sqlite3.Error:
        return False
    try:
        return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.Error:
        return False
    finally:
        connection.close()


def _copy_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.bak")


def _uri(file: Path, mode: str) -> str:
    return f"file:{quote(str(file))}?mode={mode}"
