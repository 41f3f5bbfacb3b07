"""Processes that outlive the command that started them, identified by pid and start time so that no other is killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MARK = "CONVOS_LOCAL_STACK"
"""An environment variable that all processes started here inherit, to find them after a crash (on Linux)."""
KILL_AFTER_SECONDS = 20.0
"""The emulator stops its containers and its PostgreSQL on SIGTERM; Docker gives a container 10 s."""


@dataclass(frozen=True)
class Process:
    """A process that was started here.

    Args:
        pid: its id, which the system may give to another process later.
        started: its start time from the system; together with the pid it identifies the process for ever.
    """

    pid: int
    started: str


def start_time(pid: int) -> str | None:
    """Return when a process started, in the system's own form, or None if there is no such process (or a zombie)."""
    if sys.platform == "linux":
        try:
            # The name, in brackets, may be anything; the fields after it are state (3) … starttime (22), see proc(5).
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"
    done = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True)
    state, _, started = done.stdout.strip().partition(" ")
    return started.strip() if started and not state.startswith("Z") else None


def is_alive(process: Process) -> bool:
    """Tell whether exactly this process still runs."""
    return start_time(process.pid) == process.started


def mark_of(root: Path, service: str = "") -> str:
    """Return the mark of a service of a local stack; without a service, the common prefix of their marks."""
    return f"{root}:{service}"


def start(argv: Sequence[str], *, log: Path, mark: str, cwd: Path, env: Mapping[str, str]) -> Process:
    """Start a process in a session of its own, so that Ctrl-C in the terminal does not reach it.

    Args:
        argv: the program and its arguments, without secrets, because everybody may read them.
        log: the file that its output is appended to.
        mark: its mark (`mark_of`), set in its environment.
        cwd: its working folder.
        env: variables on top of this process's own.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        child = subprocess.Popen(
            argv,
            cwd=cwd,
            env={**os.environ, **env, MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    process = Process(child.pid, start_time(child.pid) or "")
    child.returncode = 0  # it is to outlive this process: tells Popen's destructor not to warn
    return process


def stop(*processes: Process, seconds: float = KILL_AFTER_SECONDS) -> int:
    """Stop exactly these processes at the same time, first by SIGTERM; return how many of them were running."""
    running = [process for process in processes if is_alive(process)]
    for what, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
        for process in running:
            if is_alive(process):
                _signal(process.pid, what)
        if wait_for(lambda: not any(map(is_alive, running)), patience):
            break
    return len(running)


def stop_marked(mark: str) -> int:
    """Stop all processes with a mark, parents first so that they can end in order; return how many were running."""
    stopped = 0
    for _ in range(3):  # a killed process leaves children whose parent is gone: the next round stops those
        running = marked(mark)
        ids = {one.pid for one in running}
        stopped += stop(*(one for one in running if _parent_of(one.pid) not in ids))
    return stopped


def wait_for(done: Callable[[], bool], seconds: float, every: float = 0.05) -> bool:
    """Ask until the answer is true; return False after so many seconds."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def marked(mark: str) -> list[Process]:
    """Return the processes whose mark has this prefix, and their children; nothing without /proc."""
    wanted = re.compile(re.escape(f"{MARK}={mark}".encode()))
    parents: dict[int, int] = {}
    found: set[int] = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = _parent_in((entry / "stat").read_text())
            if any(map(wanted.match, (entry / "environ").read_bytes().split(b"\0"))):
                found.add(int(entry.name))
        except (OSError, ValueError, IndexError):
            continue  # it ended while we looked, or belongs to somebody else
    ours = {pid for pid in parents if _descends(pid, found, parents)} - _ancestors(os.getpid(), parents)
    return [Process(pid, started) for pid in sorted(ours) if (started := start_time(pid))]


def _parent_of(pid: int) -> int:
    try:
        return _parent_in(Path(f"/proc/{pid}/stat").read_text())
    except (OSError, ValueError, IndexError):
        return 0  # it has ended


def _parent_in(stat: str) -> int:
    return int(stat.rpartition(")")[2].split()[1])


def _descends(pid: int, roots: set[int], parents: Mapping[int, int]) -> bool:
    """Containers do not inherit our environment, but their shim does."""
    while pid > 1:
        if pid in roots:
            return True
        pid = parents.get(pid, 0)
    return False


def _ancestors(pid: int, parents: Mapping[int, int]) -> set[int]:
    """A shell inside a marked process may run `make down`: it must not stop itself."""
    line = set()
    while pid > 1 and pid not in line:
        line.add(pid)
        pid = parents.get(pid, 0)
    return line


def _signal(pid: int, what: signal.Signals) -> None:
    try:
        os.kill(pid, what)
    except ProcessLookupError:
        return
