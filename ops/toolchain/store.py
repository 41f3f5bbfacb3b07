"""The cache: an ignored folder that contains only finished tools, and records of how each was installed."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ops.toolchain.pins import HERE


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file completely or not at all; `mode` applies from the first byte, so that no secret is ever readable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        os.fchmod(handle, mode)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_json(path: Path) -> Any:
    """Return the content of a JSON file, or None if it is missing or incomplete: a lost record is made again."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def fingerprint(path: str | Path) -> list[int] | None:
    """Return a file's size and modification time, which change when it is replaced; None if it does not exist."""
    try:
        stat = Path(path).stat()
    except OSError:
        return None
    return [stat.st_size, stat.st_mtime_ns]


@dataclass(frozen=True)
class Store:
    """The folder of tools: `bin/` goes on PATH, `stamps/` records what each build was made from.

    Args:
        root: `.cache/toolchain` of the checkout, or `CONVOS_INFRA_CACHE`.
    """

    root: Path

    @property
    def bin(self) -> Path:
        """The folder for PATH."""
        return self.root / "bin"

    @property
    def logs(self) -> Path:
        """The output of compilers and package tools, for the messages that refer to it."""
        return self.root / "logs"

    @contextmanager
    def locked(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold the cache exclusively; call `waiting` if another process holds it. The lock ends with its process."""
        file = self._open_lock(0)
        while file is None:
            waiting()
            file = self._open_lock(fcntl.LOCK_EX)
        with file:
            yield

    def _open_lock(self, wait: int) -> IO[str] | None:
        """Return the lock file, held; None if another process holds it, or removed it while we waited."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.root / "lock"
        file = path.open("w")
        try:
            fcntl.flock(file, wait or fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                return file
        except OSError:
            pass
        file.close()
        return None

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """Provide a temporary folder on the same file system as `bin/` for unfinished builds."""
        self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.root, prefix="tmp-") as folder:
            yield Path(folder)

    def install(self, name: str, digest: str, files: Iterable[Path]) -> None:
        """Move finished files into `bin/`, and only then record what they were made from."""
        self.bin.mkdir(parents=True, exist_ok=True)
        prints = {}
        for file in files:
            file.chmod(0o755)
            target = self.bin / file.name
            file.replace(target)
            prints[file.name] = fingerprint(target)
        write_atomically(self._stamp(name), json.dumps({"digest": digest, "files": prints}))

    def is_current(self, name: str, digest: str) -> bool:
        """Tell whether `bin/` contains exactly the files that were installed under this name from this digest."""
        note = read_json(self._stamp(name))
        if not isinstance(note, dict) or note.get("digest") != digest:
            return False
        files = note.get("files")
        return isinstance(files, dict) and all(fingerprint(self.bin / f) == seen for f, seen in files.items())

    def _stamp(self, name: str) -> Path:
        return self.root / "stamps" / f"{name}.json"


def default_store() -> Store:
    """Return the cache of this checkout, or the one in `CONVOS_INFRA_CACHE`, for sharing between checkouts."""
    named = os.environ.get("CONVOS_INFRA_CACHE")
    return Store(Path(named).expanduser().resolve() if named else HERE.parents[1] / ".cache" / "toolchain")
