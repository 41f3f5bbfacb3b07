"""What a crash leaves: files are read as if a stranger had written them, and the table believes nothing."""

from __future__ import annotations

import http.server
import sys
import threading
from collections.abc import Iterator

import pytest

from ops.local import answers, process
from ops.local.layout import Layout
from ops.local.services import LocalService, Services, load, save
from tests import needs
from tests.support.ports import free_port

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


@pytest.mark.skipif(sys.platform != "linux", reason=needs.LINUX.reason)
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


@pytest.mark.skipif(sys.platform != "linux", reason=needs.LINUX.reason)
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
