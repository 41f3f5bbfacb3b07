"""Processes are known by pid and start time; what a crash left is found by its mark."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from ops.local import process
from ops.local.process import Process
from tests import needs

if TYPE_CHECKING:
    from pathlib import Path

    from ops.local.layout import Layout

linux = pytest.mark.skipif(sys.platform != "linux", reason=needs.LINUX.reason)


def sleeper(layout: Layout, *argv: str) -> Process:
    return process.start(
        argv or ("sleep", "300"),
        log=layout.logs / "sleeper.log",
        mark=process.mark_of(layout.root, "sleeper"),
        cwd=layout.root,
        env={},
    )


def test_a_started_process_lives_until_it_is_stopped(layout: Layout) -> None:
    started = sleeper(layout)
    assert process.is_alive(started)
    assert process.stop(started) == 1
    assert not process.is_alive(started)
    assert process.stop(started) == 0


def test_a_pid_that_now_belongs_to_somebody_else_is_never_killed(layout: Layout) -> None:
    stranger = sleeper(layout)
    recorded = Process(stranger.pid, "another boot:12345")
    assert not process.is_alive(recorded)
    assert process.stop(recorded) == 0
    assert process.is_alive(stranger)


def test_a_process_that_ignores_the_polite_signal_is_killed(layout: Layout) -> None:
    stubborn = sleeper(layout, "/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done")
    log = layout.logs / "sleeper.log"
    assert process.wait_for(lambda: "ready" in log.read_text(), 10)
    assert process.stop(stubborn, seconds=0.3) == 1
    assert not process.is_alive(stubborn)


def test_a_zombie_counts_as_ended() -> None:
    child = subprocess.Popen(["sleep", "0"])
    assert process.wait_for(lambda: process.start_time(child.pid) is None, 10)
    child.wait()


def test_ctrl_c_in_the_terminal_does_not_reach_a_service(layout: Layout) -> None:
    started = sleeper(layout)
    assert os.getpgid(started.pid) != os.getpgid(0)


@linux
def test_children_of_a_killed_service_are_found_by_its_mark(layout: Layout) -> None:
    parent = sleeper(layout, "/bin/sh", "-c", "sleep 300 & echo started; wait")
    assert process.wait_for(lambda: "started" in (layout.logs / "sleeper.log").read_text(), 10)
    os.kill(parent.pid, signal.SIGKILL)
    assert process.wait_for(lambda: not process.is_alive(parent), 10)
    (orphan,) = process.marked(process.mark_of(layout.root))
    assert process.stop(orphan) == 1
    assert process.marked(process.mark_of(layout.root)) == []


@linux
def test_another_stacks_processes_do_not_carry_our_mark(layout: Layout, tmp_path: Path) -> None:
    sleeper(layout)
    other = layout.root.parent / ".local-2"
    assert process.marked(process.mark_of(other)) == []
    assert process.marked(process.mark_of(layout.root.parent / ".loc")) == []
    assert len(process.marked(process.mark_of(layout.root, "sleeper"))) == 1
    assert process.marked(process.mark_of(layout.root, "registry")) == []


@linux
def test_the_command_that_looks_for_marks_is_not_its_own_victim(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import os; from ops.local import process; "
        f"print([p.pid for p in process.marked({process.mark_of(layout.root)!r})] == [])"
    )
    marked = {**os.environ, process.MARK: process.mark_of(layout.root, "shell")}
    cwd = layout.checkout
    done = subprocess.run([sys.executable, "-c", code], env=marked, cwd=cwd, capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr


def test_several_are_stopped_at_the_same_time(layout: Layout) -> None:
    slow = "trap 'sleep 0.5; exit' TERM; echo ready; while :; do sleep 0.05; done"
    many = [sleeper(layout, "/bin/sh", "-c", slow) for _ in range(4)]
    assert process.wait_for(lambda: (layout.logs / "sleeper.log").read_text().count("ready") == 4, 20)
    began = time.monotonic()
    assert process.stop(*many, seconds=20) == 4
    assert time.monotonic() - began < 1.9
