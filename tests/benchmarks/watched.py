"""Measures the memory of a CLI command's whole process tree, and the CPU time of its program."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

from tests.fleet.project import Project

STEP_SECONDS = 0.1
PROGRAM = b"pulumi-language-python-exec"
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Watch:
    """The measurements of a session of processes.

    Attributes:
        peak_mib: the largest sum of their proportional set sizes.
        program_seconds: the CPU time of the program that declares the resources.
    """

    peak_mib: float = 0.0
    program_seconds: float = 0.0

    def look(self, session: int) -> None:
        """Measure once; a process that ends meanwhile is left out."""
        total = 0
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError, IndexError):
                if os.getsid(int(entry.name)) != session:
                    continue
                if (found := _PSS.search((entry / "smaps_rollup").read_text())) is not None:
                    total += int(found.group(1))
                if PROGRAM in (entry / "cmdline").read_bytes():
                    # A program's name may have spaces and parentheses; fields 14 and 15 are utime and stime (proc(5)).
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    self.program_seconds = max(self.program_seconds, (int(fields[11]) + int(fields[12])) / _TICK)
        self.peak_mib = max(self.peak_mib, total / 1024)


@dataclass
class WatchedProject(Project):
    """A project whose commands are measured; `watch` has the measurements of the last one."""

    watch: Watch = field(default_factory=Watch)

    def start(self, *words: str) -> tuple[subprocess.Popen[bytes], Path]:
        """Start a command, and measure it until it ends."""
        process, printed = super().start(*words)
        self.watch = Watch()
        threading.Thread(target=_watch, args=(process, self.watch), daemon=True).start()
        return process, printed


def _watch(process: subprocess.Popen[bytes], watch: Watch) -> None:
    pause = threading.Event()
    while process.returncode is None:
        watch.look(process.pid)
        pause.wait(STEP_SECONDS)
