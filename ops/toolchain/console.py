"""Progress for people: one line per step, updated live on a terminal, and plain otherwise."""

from __future__ import annotations

import shutil
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

LABEL = 12
HEARTBEAT_SECONDS = 20.0
"""The interval, in seconds, of the lines that show that a long step is running, if there is no terminal."""


class Step:
    """One step of a command: its current activity, its result, and its duration."""

    def __init__(self, name: str, out: TextIO) -> None:
        self.name = name
        self.result: list[str] = []
        self._out = out
        self._tty = out.isatty()
        self._start = time.monotonic()
        self._doing = ""
        self._said = self._start
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    @property
    def seconds(self) -> float:
        """The seconds since the step began."""
        return time.monotonic() - self._start

    def doing(self, what: str, *, slow: bool = False) -> None:
        """Show the step's current activity; without a terminal, print only the slow ones."""
        with self._lock:
            self._doing = what
            if slow and not self._tty:
                self._line(f"{what} …")

    def note(self, text: str) -> None:
        """Print a permanent line: a decision, a skipped alternative, an installed package."""
        with self._lock:
            self._line(text)

    def got(self, what: str) -> None:
        """Add to the step's result, which is one line."""
        self.result.append(what)

    def finish(self, *, failed: bool = False) -> None:
        """Stop the live line, and print the result with the step's duration."""
        self._done.set()
        self._thread.join()
        text = ", ".join(self.result) or ("failed" if failed else "done")
        room = self._width() - LABEL - 14
        *rest, last = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
        with self._lock:
            self._line("\n".join([*rest, f"{last:<{room}}{self.seconds:>8.1f} s"]))

    def _beat(self) -> None:
        while not self._done.wait(0.25 if self._tty else 1.0):
            with self._lock:
                if self._tty:
                    self._draw()
                elif self._doing and time.monotonic() - self._said > HEARTBEAT_SECONDS:
                    self._line(f"{self._doing}: {self.seconds:.0f} s so far")

    def _draw(self) -> None:
        if self.seconds < 0.5:  # a short step needs no live line
            return
        text = f"  {self.name:<{LABEL}}{self._doing or 'working'} … {self.seconds:.0f} s"
        self._out.write("\r\x1b[2K" + text[: self._width() - 1])
        self._out.flush()

    def _line(self, text: str) -> None:
        erase = "\r\x1b[2K" if self._tty else ""
        indented = text.replace("\n", "\n  " + " " * LABEL)
        self._out.write(f"{erase}  {self.name:<{LABEL}}{indented}\n")
        self._out.flush()
        self._said = time.monotonic()

    def _width(self) -> int:
        return min(shutil.get_terminal_size((100, 24)).columns, 100)


@contextmanager
def step(name: str, out: TextIO | None = None) -> Iterator[Step]:
    """Run a block as one step, and print its line at the end, even if it fails."""
    current = Step(name, out or sys.stdout)
    failed = True
    try:
        yield current
        failed = False
    finally:
        current.finish(failed=failed)
