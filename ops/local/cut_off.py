"""Finds a file that a power cut or a full disk has cut off, among those that Docker and BuildKit keep for themselves.

Docker and BuildKit start despite most such files, and fail later: at the next pull, build or container. The files
themselves tell whether they are whole: a database names its last page, and a blob is named by its digest. A list that
was cut off between two of its entries is not detected.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

_ID = re.compile(rb"[0-9a-f]{64}")
_LINK = re.compile(rb"[0-9A-Z]{26}")
_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}")
_NUMBER = re.compile(rb"\d+")
_HEX_NAME = re.compile(r"[0-9a-f]{64}")
_NO_RECORDS = frozenset({"diff", "fs", "merged", "work", "rootfs", "tmp", "ingest"})
"""Folders with the files of images and containers, and with what was being written when a daemon was killed."""
_LOWER_LAYER = re.compile(rb"l/[0-9A-Z]{26}(:l/[0-9A-Z]{26})*")
_PAGE_HEADER = 16
_META = struct.Struct("<IIIIQQQQQ")
"""Magic, version, page size, flags, root page, root sequence, free list, number of pages, transaction; a checksum
follows (go.etcd.io/bbolt, `internal/common/meta.go`)."""
_MAGIC = 0xED0CDAED
_PAGE_SIZES = (4096, 16384, 65536)
_CHUNK = 1 << 20


def first(folder: Path) -> Path | None:
    """Return a file below a folder that was cut off; None if every file that can be checked is whole.

    Args:
        folder: the data of a daemon that does not run, with nothing mounted below it; it need not exist.
    """
    return next((file for file in _records(folder) if not _is_whole(file)), None)


def _records(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _NO_RECORDS]
        yield from (Path(where, name) for name in names)


def _is_whole(file: Path) -> bool:
    check = _BY_NAME.get(file.name) or _BY_SUFFIX.get(file.suffix)
    if check is None and _HEX_NAME.fullmatch(file.name) and file.parent.name == "sha256":
        check = _BY_FOLDER.get(file.parent.parent.name)
    try:
        return check is None or file.is_symlink() or check(file)
    except OSError:
        return False


def _is_database(file: Path) -> bool:
    """Tell whether a bbolt database has all the pages that its newest transaction knows."""
    with file.open("rb") as opened:
        size = os.fstat(opened.fileno()).st_size
        metas = []
        for offset in (0, *_PAGE_SIZES):
            opened.seek(offset + _PAGE_HEADER)
            metas.append(opened.read(_META.size + 8))
    known = [meta for data in metas if (meta := _meta(data)) is not None]
    return bool(known) and max(known)[1] <= size


def _meta(data: bytes) -> tuple[int, int] | None:
    """Return a meta page's transaction and the bytes of its database; None if it is not one."""
    if len(data) < _META.size + 8:
        return None
    magic, _, page_size, _, _, _, _, pages, transaction = _META.unpack_from(data)
    if magic != _MAGIC or _fnv(data[: _META.size]) != int.from_bytes(data[_META.size :], "little"):
        return None
    return transaction, pages * page_size


def _fnv(data: bytes) -> int:
    """Return the 64-bit FNV-1a hash."""
    found = 0xCBF29CE484222325
    for byte in data:
        found = (found ^ byte) * 0x100000001B3 % (1 << 64)
    return found


def _is_its_digest(file: Path) -> bool:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest() == file.name


def _is_json(file: Path) -> bool:
    try:
        json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        return False
    return True


def _is_gzip(file: Path) -> bool:
    if file.stat().st_size == 0:
        return False
    try:
        with gzip.open(file) as opened:
            while opened.read(_CHUNK):
                pass
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return False
    return True


def _matches(pattern: re.Pattern[bytes]) -> Callable[[Path], bool]:
    return lambda file: pattern.fullmatch(file.read_bytes().strip()) is not None


_BY_NAME: Mapping[str, Callable[[Path], bool]] = {
    "cache-id": _matches(_ID),
    "diff": _matches(_DIGEST),
    "parent": _matches(_DIGEST),
    "size": _matches(_NUMBER),
    "link": _matches(_LINK),
    "lower": _matches(_LOWER_LAYER),
    "mount-id": _matches(_ID),
    "init-id": _matches(re.compile(rb"[0-9a-f]{64}-init")),
    "tar-split.json.gz": _is_gzip,
    "repositories.json": _is_json,
    "config.v2.json": _is_json,
    "hostconfig.json": _is_json,
    "workerid": _matches(re.compile(rb"[0-9a-z]{25}")),
}
_BY_SUFFIX: Mapping[str, Callable[[Path], bool]] = {".db": _is_database}
_BY_FOLDER: Mapping[str, Callable[[Path], bool]] = {
    "blobs": _is_its_digest,
    "content": _is_its_digest,
    "diffid-by-digest": _matches(_DIGEST),
    "v2metadata-by-diffid": _is_json,
}
