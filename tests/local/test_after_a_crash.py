"""What a crash leaves: files are read as if a stranger had written them, and the table believes nothing."""

from __future__ import annotations

import http.server
import io
import os
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ops.local import answers, backend_files, broken, environment, process
from ops.local.layout import Layout
from ops.local.services import LocalService, Services, load, save
from ops.toolchain.errors import ToolError
from tests.support.ports import free_port

if TYPE_CHECKING:
    from ops.local.starter import Starter

ENV = (
    "# Written by `make local`\nexport BUILDKIT_HOST=unix:///x\nexport CONVOS_IMAGE_REGISTRY=127.0.0.1:5001\n"
    "export RAILWAY_ENDPOINT=http://127.0.0.1:7447/graphql/v2\n"
)
REGISTRY = LocalService("registry", "path", "127.0.0.1:5001", process.Process(7, "x"))
WRITTEN = Services({"registry": REGISTRY}, {"tools": "/t"})


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"[]", b"null", b"{}", b"7", b'"x"', b"{", b'{"services": []}'),
        *(b"\x00" * 100, b"\xff\xfe", b"[" * 100_000, b'{"services": {}, "notes": []}'),
        b'{"services": {"registry": {}}}',
        b'{"services": {"registry": null}}',
        b'{"services": {"registry": {"way": 1, "address": 2, "process": 3}}}',
    ],
)
def test_services_that_cannot_be_read_are_found_again_on_their_ports(layout: Layout, content: bytes) -> None:
    layout.services.write_bytes(content)
    assert load(layout).by_name == {}, "and nothing is found where nothing was"
    layout.env.write_text(ENV)
    found = load(layout)
    assert {name: service.address for name, service in found.by_name.items()} == {
        "registry": "127.0.0.1:5001",
        "emulator": "127.0.0.1:7447",
    }
    assert not any(service.is_alive() for service in found.by_name.values())
    assert found.by_name["emulator"].way == "simulated"


def test_every_beginning_of_the_file_is_read_or_found_again(layout: Layout) -> None:
    layout.env.write_text(ENV)
    save(layout, WRITTEN)
    whole = layout.services.read_bytes()
    assert load(layout) == WRITTEN
    for length in range(0, len(whole) - 1, 7):
        layout.services.write_bytes(whole[:length])
        assert load(layout).by_name["registry"].address == "127.0.0.1:5001"


@pytest.mark.skipif(sys.platform != "linux", reason="marks are found in /proc")
def test_what_still_runs_is_found_by_its_mark(layout: Layout) -> None:
    layout.env.write_text(ENV + "export DOCKER_HOST=unix:///run/d.sock\n")
    argv = [sys.executable, "-c", "import time; time.sleep(60)"]
    mark = process.mark_of(layout.root, "emulator")
    started = process.start(argv, log=layout.logs / "x.log", mark=mark, cwd=layout.root, env={})
    try:
        emulator = load(layout).by_name["emulator"]
        assert (emulator.process, emulator.way) == (started, "docker unix:///run/d.sock")
    finally:
        process.stop(started)


@pytest.mark.skipif(sys.platform != "linux", reason="marks are found in /proc")
def test_what_a_killed_update_has_left_is_stopped_and_nothing_else(layout: Layout) -> None:
    wait = "import time; time.sleep(60)"
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {wait!r}]); {wait}"

    def started(service: str, program: str) -> process.Process:
        argv, mark = [sys.executable, "-c", program], process.mark_of(layout.root, service)
        return process.start(argv, log=layout.logs / "x.log", mark=mark, cwd=layout.root, env={})

    mark = process.mark_of(layout.root, "pulumi")
    update, other = started("pulumi", parent), started("registry", wait)
    try:
        assert process.wait_for(lambda: len(process.marked(mark)) == 2, 10)
        process.stop(update)
        assert len(process.marked(mark)) == 1, "the plugin outlives it"
        assert process.stop_marked(mark) == 1
        assert (process.marked(mark), process.is_alive(other)) == ([], True)
        update = started("pulumi", parent)
        assert process.wait_for(lambda: len(process.marked(mark)) == 2, 10)
        assert process.stop_marked(mark) == 2
    finally:
        process.stop(update, other)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"export RAILWAY_ENDPOINT=http://127.0.0.1:99999999/graphql/v2\n"]
)
def test_an_environment_that_is_broken_as_well_names_nothing(layout: Layout, content: bytes) -> None:
    layout.env.write_bytes(content)
    assert load(layout).by_name == {}


class _Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        del format, args


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answer) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"127.0.0.1:{found.server_address[1]}"
        found.shutdown()
        thread.join()


def test_each_row_of_the_table_was_asked(server: str) -> None:
    nobody = free_port()
    rows = [
        ("canary", f"http://{server}/200", "x"),
        ("pool manager", f"http://{server}/401", "x"),
        ("broken", f"http://{server}/503", "x"),
        ("dead", f"http://127.0.0.1:{nobody}", "x"),
        ("database", f"postgresql://postgres:…@{server}/railway", "schema 3"),
        ("no database", f"postgresql://postgres:…@127.0.0.1:{nobody}/railway", "schema 3"),
        ("odd", "http://[::1", "x"),
        ("agents", "-", "none"),
    ]
    found = answers.asked(rows)
    assert answers.silent(found) == ["broken", "dead", "no database", "odd"]
    assert [runs for *_, runs in found if "answer" in runs] == [
        "x: does not answer",
        "x: does not answer",
        "schema 3: does not answer",
        "x: does not answer",
    ]


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
    assert backend_files.projects(layout.state) == set()
    file = layout.state / ".pulumi" / "stacks" / "convos-infra" / "local.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(state)
    assert backend_files.projects(layout.state) == found
    backend_files.forget_stacks(layout.state, layout.broken)
    assert [one.read_bytes() for one in layout.broken.iterdir()] == [state]
    assert list(file.parent.iterdir()) == []


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
    assert "starting it without what it had kept, which can be made again" in out.getvalue()
    assert [one.name for one in data.parent.glob("cache*")] == ["cache"]
