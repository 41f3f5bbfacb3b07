"""Repairs the files of Pulumi's file backend that a full disk or a power cut has damaged.

Pulumi writes the stack's file, a copy of the one before (`.bak`), and for each update a record and a copy of the state
(`<stack>-<nanoseconds>.history.json` and `.checkpoint.json`). `pulumi stack history` stops at the first record that it
cannot read, and every command stops at a stack's file that it cannot read.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ops.toolchain.store import read_json

if TYPE_CHECKING:
    from pathlib import Path

_META = b"version: 1\n"
"""What Pulumi 3.259 writes into a new backend; it refuses a backend whose file has no version ("corrupt store")."""
_PROJECT = "pulumi-python:dynamic/railway:Project"


def repair(state: Path, aside: Path) -> tuple[str, ...]:
    """Move unreadable files aside, and restore a stack from its newest copy; return what was done, one line per file.

    Args:
        state: the folder of the backend.
        aside: a folder that takes the files which cannot be read.
    """
    pulumi, done = state / ".pulumi", []
    meta = pulumi / "meta.yaml"
    if meta.exists() and meta.read_bytes() != _META:
        done.append(f"{_set_aside(meta, aside)}, and written again")
        meta.write_bytes(_META)
    done += [_set_aside(file, aside) for file in sorted((pulumi / "history").glob("*/*/*.json")) if not _is_whole(file)]
    for file in sorted((pulumi / "stacks").glob("*/*.json")):
        if _is_whole(file):
            continue
        copies = _copies(pulumi, file)
        done.append(_set_aside(file, aside))
        if copies:
            shutil.copyfile(copies[0], file)
            done[-1] += f", and brought back from {copies[0].name}"
    return tuple(done)


def others(state: Path, project: str, stack: str) -> tuple[str, ...]:
    """Return all stacks of the backend but one, each with the number of its resources; damaged ones count as well.

    Args:
        state: the folder of the backend.
        project: the project of that one stack.
        stack: its name.
    """
    found = []
    # PULUMI_SELF_MANAGED_STATE_GZIP makes files that end with .json.gz; an old backend has no folders of projects.
    for file in sorted((state / ".pulumi" / "stacks").rglob("*.json*")):
        name, _, ending = file.name.rpartition(".json")
        # Beside each file there may be a copy (.bak) and metadata of the storage library (.attrs).
        if ending not in ("", ".gz") or (name == stack and file.parent.name in (project, "stacks")):
            continue
        count = len(latest(file).get("resources") or ()) if not ending and _is_whole(file) else None
        found.append(f"{name} ({count} resources)" if count is not None else name)
    return tuple(found)


def projects(state: Path, stack: str) -> frozenset[str]:
    """Return the ids of the Railway projects in a stack's state."""
    files = (state / ".pulumi" / "stacks").glob(f"*/{stack}.json")
    rows = [row for file in files for row in latest(file).get("resources") or ()]
    return frozenset(str(row["id"]) for row in rows if row.get("type") == _PROJECT and row.get("id"))


def latest(file: Path) -> Mapping[str, Any]:
    """Return the deployment in a stack's file; empty if the file is not as Pulumi writes it."""
    found = read_json(file)
    for key in ("checkpoint", "latest"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def forget(state: Path, stack: str, aside: Path) -> None:
    """Move the files of one stack aside, for example if the emulator has lost everything that its state lists."""
    for file in (state / ".pulumi" / "stacks").glob(f"*/{stack}.json*"):
        _set_aside(file, aside)


def _is_whole(file: Path) -> bool:
    return isinstance(read_json(file), dict)


def _copies(pulumi: Path, file: Path) -> list[Path]:
    """Return the readable copies of a stack's file, the newest first."""
    history = (pulumi / "history" / file.parent.name / file.stem).glob("*.checkpoint.json")
    found = [copy for copy in (file.with_name(f"{file.name}.bak"), *history) if copy.exists() and _is_whole(copy)]
    return sorted(found, key=lambda copy: copy.stat().st_mtime, reverse=True)


def _set_aside(file: Path, aside: Path) -> str:
    aside.mkdir(parents=True, exist_ok=True)
    file.rename(aside / f"{file.name}.{time.time_ns()}")
    return f"{file.name} could not be read: moved to {aside}"
