"""What the emulator refuses when it starts: in one line, before it answers anybody."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest

from emulator.__main__ import _bound, main

REFUSED: dict[str, tuple[list[str], str]] = {
    "a name": (["--listen", "localhost:4190"], "--listen localhost:4190: give a loopback address and a port"),
    "no address": (["--listen", ":4190"], "--listen :4190: give a loopback address and a port"),
    "another machine's address": (["--listen", "192.0.2.1:4190"], "--listen 192.0.2.1:4190: give a loopback address"),
    "a port above 65535": (["--listen", "127.0.0.1:65536"], "--listen 127.0.0.1:65536: give a loopback address"),
    "digits of another script": (["--listen", "127.0.0.1:٤١٩٠"], "--listen 127.0.0.1:٤١٩٠: give a loopback address"),
    "an unknown setting": (["--setting", "latency=1"], "unknown setting 'latency'"),
    "a setting without a value": (["--setting", "latency_ms"], "--setting latency_ms: give NAME=VALUE"),
    "a word that a setting does not have": (["--setting", "image_check=of"], "image_check is one of on, off, not 'of'"),
    "an outcome that nothing has": (
        ["--setting", 'outcomes={"web": "crashed"}'],
        "outcomes: 'web' is one of healthy, never_ready, crash, complete, not 'crashed'",
    ),
}


def started(folder: Path, *arguments: str) -> int:
    return main(["--docker", "off", "--state", str(folder / "state"), "--data", str(folder / "data"), *arguments])


@pytest.mark.parametrize(("arguments", "problem"), REFUSED.values(), ids=REFUSED)
def test_a_mistake_is_one_line(
    arguments: list[str], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listen = [] if "--listen" in arguments else ["--listen", "127.0.0.1:0"]
    assert started(tmp_path, *listen, *arguments) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith(f"emulator: {problem}")
    assert (printed.err.count("\n"), printed.out) == (1, "")


def test_a_port_that_is_in_use_is_named_and_nothing_is_announced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert started(tmp_path, "--listen", address) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith(f"emulator: {address}: Address already in use; stop the process that uses it")
    assert (printed.err.count("\n"), printed.out) == (1, "")


def test_its_socket_says_its_protocol_so_that_asyncio_answers_without_delay() -> None:
    with contextlib.closing(_bound("127.0.0.1", 0)) as bound:
        assert bound.proto == socket.IPPROTO_TCP
