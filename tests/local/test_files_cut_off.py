"""Files that a full disk or a power cut has cut off are set aside, and come back from a copy or are made again."""

from __future__ import annotations

import io
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ops.local import backend_files, broken, environment
from ops.local.layout import Layout
from ops.local.services import LocalService
from ops.toolchain.errors import ToolError

if TYPE_CHECKING:
    from ops.local.starter import Starter


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_database_that_cannot_be_read_is_set_aside_and_kept(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a b#c?.sqlite"
    file.write_bytes(content)
    aside = broken.set_aside(file)
    assert aside is not None
    assert aside.read_bytes() == content
    assert not file.exists()
    assert not broken.bring_back(file), "there is no copy yet"


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000])
def test_a_database_that_was_cut_off_comes_back_from_its_copy(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a b#c?.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t AS SELECT 1 AS x")
        connection.commit()
        broken.keep_copy(file)  # with what is still in the log only
    assert not broken.bring_back(file), "a file that is there is left alone"
    file.write_bytes(content)
    assert broken.set_aside(file) is not None
    assert broken.bring_back(file)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT x FROM t").fetchall() == [(1,)]
    file.write_bytes(content)
    file.with_name(f"{file.name}.bak").write_bytes(content)
    assert broken.set_aside(file) is not None
    assert not broken.bring_back(file), "the copy is damaged as well"


def test_a_database_that_is_fine_stays_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / "a b#c?.sqlite"
    assert broken.set_aside(file) is None
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (x)")
        connection.execute("INSERT INTO t VALUES (1)")
        connection.commit()
        assert broken.set_aside(file) is None
    connection.close()
    assert [left.name for left in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\x00" * 50, b"\xff", b"[" * 100_000])
def test_files_of_the_backend_that_are_in_pieces_are_moved_aside_and_the_stack_comes_back(
    layout: Layout, content: bytes
) -> None:
    stacks = layout.state / ".pulumi" / "stacks" / "convos-infra"
    history = layout.state / ".pulumi" / "history" / "convos-infra" / "local"
    for folder in (stacks, history):
        folder.mkdir(parents=True)
    aside = layout.root / "broken"
    whole = {stacks / "local.json": b'{"n": 3}', stacks / "local.json.bak": b'{"n": 2}'}
    whole[layout.state / ".pulumi" / "meta.yaml"] = b"version: 1\n"
    whole |= {history / f"local-{n}.{kind}.json": b'{"n": 1}' for n in (1, 2) for kind in ("history", "checkpoint")}
    for age, (file, text) in enumerate(whole.items()):
        file.write_bytes(text)
        os.utime(file, (1_000_000 - age, 1_000_000 - age))
    assert backend_files.repair(layout.state, aside) == ()
    assert not aside.exists()
    meta = layout.state / ".pulumi" / "meta.yaml"
    cut = [meta, history / "local-2.history.json", stacks / "local.json"]
    for file in cut:
        file.write_bytes(content)
    done = backend_files.repair(layout.state, aside)
    assert [line.split(" ")[0] for line in done] == [file.name for file in cut]
    assert meta.read_bytes() == b"version: 1\n"
    assert done[2].endswith("and brought back from local.json.bak")
    assert (stacks / "local.json").read_bytes() == b'{"n": 2}'
    assert sorted(file.read_bytes() for file in aside.iterdir()) == [content] * 3
    assert not cut[1].exists()
    assert backend_files.repair(layout.state, aside) == ()
    # Without a copy beside it, the newest of the history.
    (stacks / "local.json.bak").write_bytes(content)
    cut[2].write_bytes(content)
    assert "brought back from local-" in backend_files.repair(layout.state, aside)[0]
    for file in history.iterdir():
        file.unlink()
    cut[2].write_bytes(content)
    (left,) = backend_files.repair(layout.state, aside)
    assert "brought back" not in left
    assert not cut[2].exists()


@pytest.mark.parametrize("cut", [0, 1, 21, 42])
def test_a_secret_that_was_cut_off_comes_back_from_its_copy_and_one_of_the_users_own_stays(
    layout: Layout, cut: int
) -> None:
    secret = environment.keep_secret(layout.passphrase)
    copy = layout.passphrase.with_name("passphrase.bak")
    assert [file.stat().st_mode & 0o777 for file in (layout.passphrase, copy)] == [0o600, 0o600]
    os.truncate(layout.passphrase, cut)
    assert environment.keep_secret(layout.passphrase) == secret
    os.truncate(copy, cut)
    assert environment.keep_secret(layout.passphrase) == secret
    assert [one.read_text() for one in (layout.passphrase, copy)] == [f"{secret}\n"] * 2
    layout.passphrase.write_text("of the user's own\n")
    assert environment.keep_secret(layout.passphrase) == "of the user's own"
    assert environment.keep_secret(layout.passphrase) == "of the user's own"


@pytest.mark.parametrize(
    ("state", "found"),
    [
        (b"", set()),
        (b'{"checkpoint": {"latest": null}}', set()),
        (b'{"checkpoint": {"latest": {"resources": [{"type": "pulumi-python:dynamic/railway:Project"}]}}}', set()),
        (b'{"checkpoint": {"latest": {"resources": [{"type": "x", "id": "a"}]}}}', set()),
        (
            (
                b'{"checkpoint": {"latest": {"resources": ['
                b'{"type": "pulumi-python:dynamic/railway:Project", "id": "a"}]}}}'
            ),
            {"a"},
        ),
    ],
)
def test_the_projects_of_a_state_are_read_as_if_a_stranger_had_written_it(
    layout: Layout, state: bytes, found: set[str]
) -> None:
    assert backend_files.projects(layout.state, "local") == set()
    file = layout.state / ".pulumi" / "stacks" / "convos-infra" / "local.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(state)
    assert backend_files.projects(layout.state, "local") == found
    mine = file.with_name("mine.json")
    mine.write_bytes(OF_ANOTHER_PROJECT)
    assert backend_files.projects(layout.state, "local") == found, "a stack of the user's own is not asked"
    backend_files.forget(layout.state, "local", layout.broken)
    assert [one.read_bytes() for one in layout.broken.iterdir()] == [state]
    assert list(file.parent.iterdir()) == [mine]


OF_ANOTHER_PROJECT = (
    b'{"checkpoint": {"latest": {"resources": [{"type": "pulumi-python:dynamic/railway:Project", "id": "b"}]}}}'
)
SERVICE = """
import pathlib, sys, time
data = pathlib.Path(sys.argv[1])
if sys.argv[2] == "broken" or (data / "db").exists() and (data / "db").read_text() == "damaged":
    sys.exit("panic: invalid page")
data.mkdir(exist_ok=True)
(data / "db").write_text("made again")
(data / "ready").touch()
time.sleep(60)
"""


def test_a_service_that_ends_over_damaged_data_starts_without_them_if_they_can_be_made_again(
    starter: Starter, out: io.StringIO
) -> None:
    data = starter.layout.root / "cache"

    def start(kind: str) -> LocalService:
        argv = [sys.executable, "-c", SERVICE, str(data), kind]
        service = LocalService("buildkit", "path", "")
        return starter.run_on_cache(service, argv, lambda _: (data / "ready").exists(), data)

    with pytest.raises(ToolError, match="panic: invalid page"):
        start("broken")
    assert not data.exists()
    data.mkdir()
    (data / "db").write_text("damaged")
    with pytest.raises(ToolError, match="panic: invalid page"):
        start("broken")
    assert [file.name for file in data.iterdir()] == ["db"], "another reason throws nothing away"
    assert (data / "db").read_text() == "damaged"
    service = start("whole")
    assert service.is_alive()
    assert (data / "db").read_text() == "made again"
    assert "starting it with an empty cache" in out.getvalue()
    assert [one.name for one in data.parent.glob("cache*")] == ["cache"]
