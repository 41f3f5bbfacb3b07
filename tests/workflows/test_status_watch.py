"""`make status WATCH=1`: each look is shown, a failing one ends nothing, and the last one decides the exit code."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from convos_infra.errors import InfraError
from ops.status.command import code
from ops.status.report import Part, Report
from ops.status.views import DocumentView, LineView, PollResult, View
from ops.status.watch import EVERY_SECONDS, watch
from tests.workflows.status_parts import CLEAR, LOCK, MOMENT, report

ROOT = Path(__file__).parents[2]
WELL, ILL = report({Part.UPDATE: CLEAR}), report({Part.UPDATE: {**CLEAR, "locks": [LOCK]}})
AWAY = InfraError("pulumi", "stack ls: connection refused\x1b[2J")
SCREEN_LINES = 5
PROGRAM = """
import itertools, os, sys
from ops.status.report import Report
from ops.status.views import PollResult, screen
from ops.status.watch import watch
from tests.workflows.test_status_watch import WELL, ILL, MOMENT
def look():
    sys.stderr.write("a warning\\n")
    return ILL
def pause(_):
    os.write(2, b"<drawn>")
    input()
with screen("scaling", sys.stdout, "the foot", colours=True) as view:
    last = watch(look, PollResult(MOMENT, WELL), view, pause)
    view.end(last)
sys.exit(0 if last.found.is_fine else 3)
"""


class Watched:
    """A stack that is looked at: what each look finds, one second later than the one before."""

    def __init__(self, *found: Report | InfraError, took: float = 1.0) -> None:
        self.found: Iterator[Report | InfraError] = iter(found)
        self.now, self.took, self.pauses = MOMENT, took, list[float]()

    def look(self) -> Report:
        self.now += timedelta(seconds=self.took)
        found = next(self.found, None)
        if found is None:
            raise KeyboardInterrupt
        if isinstance(found, InfraError):
            raise found
        return found

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += timedelta(seconds=seconds)

    def clock(self) -> datetime:
        return self.now

    def run(self, view: View) -> PollResult:
        return watch(self.look, PollResult(self.now, self.look()), view, self.pause, self.clock)


def test_without_a_terminal_each_look_is_one_line() -> None:
    out, watched = io.StringIO(), Watched(WELL, ILL, AWAY, WELL, ILL)
    last = watched.run(LineView("scaling", out))
    assert out.getvalue().splitlines() == [
        "2026-03-01T18:40:02Z scaling: all is well",
        "2026-03-01T18:40:07Z scaling: 1 row to look at: update",
        "2026-03-01T18:40:12Z scaling: not read: pulumi: stack ls: connection refused\\x1b[2J",
        "2026-03-01T18:40:17Z scaling: all is well",
        "2026-03-01T18:40:22Z scaling: 1 row to look at: update",
    ]
    assert code(last) == 3
    assert code(Watched(WELL).run(LineView("scaling", out))) == 0
    assert code(Watched(ILL, AWAY).run(LineView("scaling", out))) == 1


@pytest.mark.parametrize(("took", "pauses"), [(1.0, [4.0, 4.0]), (7.0, [0.0, 0.0])])
def test_looks_begin_each_five_seconds_and_a_slow_one_is_followed_at_once(took: float, pauses: list[float]) -> None:
    watched = Watched(WELL, ILL, took=took)
    watched.run(LineView("scaling", io.StringIO()))
    assert EVERY_SECONDS == 5
    assert watched.pauses == pauses


def test_scripts_get_a_document_each_look() -> None:
    out = io.StringIO()
    Watched(WELL, AWAY, ILL).run(DocumentView("scaling", out))
    found = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [row.get("fine") for row in found] == [True, None, False]
    assert found[0] == {"at": "2026-03-01T18:40:02Z", **WELL.document()}
    assert found[1]["error"].startswith("pulumi: stack ls")


def test_a_reader_that_leaves_ends_the_watch() -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    assert code(Watched(ILL, WELL).run(LineView("scaling", Gone()))) == 3


@pytest.mark.parametrize("end", [signal.SIGTERM])
def test_a_terminal_shows_the_page_in_place_and_is_left_as_it_was(end: signal.Signals) -> None:
    with in_a_terminal(PROGRAM) as (process, read):
        first = read("<drawn>")
        assert "\x1b[?1049h" in first
        assert "all is well" in first
        assert "the foot" in first
        go_on(process)
        second = read("<drawn>")
        assert "1 row to look at" in second
        assert re.search(r"… \d+ more lines", second)
        assert "a warning" not in first + second
        process.send_signal(end)
        process.send_signal(end)
        rest = read("")
        assert process.wait(30) == 3
    left = rest.index("\x1b[?1049l")
    assert "\x1b[?25h" in rest
    # The whole page stays, also what the small screen could not show.
    assert "scaling" in rest[left:]
    assert "an update was cut" in rest[left:]
    assert rest.count("a warning") == 1


def go_on(process: subprocess.Popen[bytes]) -> None:
    """Let the program look again."""
    assert process.stdin is not None
    process.stdin.write(b"\n")
    process.stdin.flush()


@contextmanager
def in_a_terminal(program: str) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[str], str]]]:
    """Run a program in a small terminal; yields it, and what reads on to a mark, or to the end."""
    ours, theirs = pty.openpty()
    size = {"COLUMNS": "60", "LINES": str(SCREEN_LINES), "TERM": "xterm-256color"}
    env = {**os.environ, **size, "PYTHONPATH": f"{ROOT}:{ROOT / 'pool'}"}
    env.pop("NO_COLOR", None)
    command = [sys.executable, "-c", program]
    seen = bytearray()

    def read(mark: str) -> str:
        while not mark or mark.encode() not in seen:
            try:
                more = os.read(ours, 65536)
            except OSError:
                # The other side of the terminal is closed.
                more = b""
            if not more:
                break
            seen.extend(more)
        found = seen.decode(errors="replace")
        seen.clear()
        assert mark in found, found
        return found

    try:
        with subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=theirs, stderr=theirs
        ) as process:
            os.close(theirs)
            try:
                yield process, read
            finally:
                process.kill()
    finally:
        os.close(ours)
