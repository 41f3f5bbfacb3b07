"""The files that Docker, containerd and BuildKit keep below `.local`, by kind, and a cut of them as by a power cut."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ops.local import mounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.local.layout import Layout

LENGTHS = ("nothing", "half")
_NAMED_BY_ID = re.compile(r"[0-9a-f]{64}|[0-9a-z]{25}(?=/|$)")
_CONTENT = frozenset({"diff", "fs", "merged", "work", "rootfs"})
"""Folders with the files of images and containers, which are mounted while they are in use."""


def by_kind(layout: Layout) -> dict[str, list[Path]]:
    """Return the files that are not empty, by their path without the ids of containers, images and layers."""
    kinds: dict[str, list[Path]] = {}
    for name, file in _files(layout):
        if file.stat().st_size:
            kinds.setdefault(_NAMED_BY_ID.sub("*", name), []).append(file)
    return dict(sorted(kinds.items()))


def cut(layout: Layout, kind: str, to: str) -> str:
    """Cut all files of a kind to nothing, or to their halves, while everything is down; return what was done."""
    for _, folder in _folders(layout):
        mounts.unmount_below(folder)
    files = by_kind(layout).get(kind, [])
    for file in files:
        os.truncate(file, file.stat().st_size // 2 if to == "half" else 0)
    return f"{len(files)} of {kind} cut to {to}"


def _folders(layout: Layout) -> list[tuple[str, Path]]:
    return [("docker", layout.root / "docker"), ("buildkit", layout.root / "buildkit"), ("run", layout.runtime)]


def _files(layout: Layout) -> Iterator[tuple[str, Path]]:
    for name, folder in _folders(layout):
        for where, folders, names in os.walk(folder):
            folders[:] = [one for one in folders if one not in _CONTENT]
            for file in (Path(where, one) for one in names):
                if file.is_file() and not file.is_symlink():
                    yield f"{name}/{file.relative_to(folder).as_posix()}", file
