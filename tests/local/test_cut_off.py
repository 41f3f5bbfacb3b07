"""Files of Docker and BuildKit that are cut off are found before a daemon starts over them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import os
import sys
import zlib
from typing import TYPE_CHECKING

import pytest

from ops.local import cut_off
from ops.local.services import LocalService

if TYPE_CHECKING:
    from pathlib import Path

    from ops.local.starter import Starter

A, B = "a" * 64, "b" * 64
DATABASE = zlib.decompress(
    base64.b85decode(
        b"""c-rmPu?fOZ5P;#A7*eQ(Mb>bFjHAm4f{kG7La74*Aq%`VwTPD@c6KSgulbKFue+4Ks%Reex%>==<$kt_*3oVBc|7&!=5|d0006-16o3Bz<<I}Wi;msv@|fDYivj=u!1}xa&kqje"""
    )
)
"""The two first pages of a `volumes/metadata.db` that Docker 20.10 wrote; they name 6 pages."""
BLOB = b'{"layers": []}' * 100
BLOB_NAME = hashlib.sha256(BLOB).hexdigest()
JSON = json.dumps({"Repositories": {"a": {"a:1": f"sha256:{A}"}}}).encode()
RECORDS = {
    "docker/volumes/metadata.db": DATABASE.ljust(6 * 4096, b"\0"),
    "docker/containerd/daemon/io.containerd.metadata.v1.bolt/meta.db": DATABASE.ljust(6 * 4096, b"\0"),
    f"buildkit/runc-overlayfs/content/blobs/sha256/{BLOB_NAME}": BLOB,
    f"docker/image/overlay2/imagedb/content/sha256/{BLOB_NAME}": BLOB,
    "docker/image/overlay2/repositories.json": JSON,
    f"docker/containers/{A}/config.v2.json": JSON,
    f"docker/containers/{A}/hostconfig.json": JSON,
    f"docker/image/overlay2/distribution/diffid-by-digest/sha256/{A}": f"sha256:{B}".encode(),
    f"docker/image/overlay2/distribution/v2metadata-by-diffid/sha256/{A}": JSON,
    f"docker/image/overlay2/layerdb/sha256/{A}/cache-id": B.encode(),
    f"docker/image/overlay2/layerdb/sha256/{A}/diff": f"sha256:{B}".encode(),
    f"docker/image/overlay2/layerdb/sha256/{A}/parent": f"sha256:{B}".encode(),
    f"docker/image/overlay2/layerdb/sha256/{A}/tar-split.json.gz": gzip.compress(JSON),
    f"docker/image/overlay2/layerdb/mounts/{A}/mount-id": B.encode(),
    f"docker/image/overlay2/layerdb/mounts/{A}/init-id": f"{B}-init".encode(),
    f"docker/overlay2/{B}/link": b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    f"docker/overlay2/{B}/lower": b":".join(b"l/%cBCDEFGHIJKLMNOPQRSTUVWXYZ" % first for first in b"012"),
    "buildkit/runc-overlayfs/workerid": b"0123456789abcdefghijklmno",
}
NO_RECORDS = {
    f"docker/overlay2/{B}/diff/app/repositories.json": b"{",
    "docker/image/overlay2/layerdb/tmp/write-set-1/cache-id": b"",
    "buildkit/runc-overlayfs/content/ingest/1/data": b"",
    "buildkit/runc-overlayfs/snapshots/snapshots/1/fs/a.db": b"",
    "buildkit/runc-overlayfs/executor/runc-log.json": b"",
    "buildkit/buildkitd.lock": b"",
    f"docker/containers/{A}/{A}-json.log": b"",
    f"docker/containers/{A}/hosts": b"",
}
"""Empty or cut files that are fine: the contents of images, what was being written, logs, and what is written anew."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, content in (RECORDS | NO_RECORDS).items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return tmp_path


def test_records_that_are_whole_are_fine_beside_files_that_are_none(root: Path) -> None:
    assert cut_off.first(root) is None
    assert cut_off.first(root / "missing") is None


@pytest.mark.parametrize("to", ["nothing", "half", "the last byte"])
@pytest.mark.parametrize("name", RECORDS)
def test_a_record_that_is_cut_off_is_found(root: Path, name: str, to: str) -> None:
    size = len(RECORDS[name])
    os.truncate(root / name, {"nothing": 0, "half": size // 2, "the last byte": size - 1}[to])
    assert cut_off.first(root) == root / name


@pytest.mark.parametrize("content", [b"\0" * 40000, b"\xff" * 40000, DATABASE[:20].ljust(40000, b"\1")])
def test_a_database_of_which_no_page_was_written_is_found(root: Path, content: bytes) -> None:
    file = root / "docker/volumes/metadata.db"
    file.write_bytes(content)
    assert cut_off.first(root) == file


def test_a_database_whose_last_transaction_was_torn_is_fine(root: Path) -> None:
    """Its other first page is of the transaction before: bbolt goes on from there."""
    for number in (0, 1):
        file = root / "docker/volumes/metadata.db"
        whole = RECORDS["docker/volumes/metadata.db"]
        file.write_bytes(whole[: number * 4096] + b"\0" * 100 + whole[number * 4096 + 100 :])
        assert cut_off.first(root) is None


def test_a_file_that_cannot_be_read_counts_as_cut_off(root: Path) -> None:
    file = root / "docker/image/overlay2/repositories.json"
    file.unlink()
    file.mkdir()
    assert cut_off.first(root) is None, "a folder is no record"
    file.rmdir()
    file.write_bytes(b"[" * 100_000)
    assert cut_off.first(root) == file


PROGRAM = """
import pathlib, sys, time
data = pathlib.Path(sys.argv[1])
data.mkdir(exist_ok=True)
(data / "ready").touch()
time.sleep(60)
"""


def test_a_service_starts_without_data_of_which_a_file_is_cut_off(starter: Starter, out: io.StringIO) -> None:
    data = starter.layout.root / "cache"
    data.mkdir()
    (data / "repositories.json").write_text("{}")
    (data / "ready").touch()

    def start() -> LocalService:
        argv = [sys.executable, "-c", PROGRAM, str(data)]
        service = LocalService("buildkit", "path", "")
        return starter.run_on_cache(service, argv, lambda _: (data / "ready").exists(), data)

    assert start().is_alive()
    assert (data / "repositories.json").exists()
    assert out.getvalue() == ""
    (data / "repositories.json").write_text("{")
    assert start().is_alive()
    assert [file.name for file in data.iterdir()] == ["ready"]
    told = "buildkit: repositories.json was cut off; starting it with an empty cache"
    assert told in out.getvalue()
    assert [one.name for one in data.parent.glob("cache*")] == ["cache"]
