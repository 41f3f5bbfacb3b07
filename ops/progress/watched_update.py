"""Runs `pulumi up` and shows it: a line for each service in a terminal, Pulumi's own lines elsewhere."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live

from convos_infra.explanations import SEE
from ops.printable import log_line
from ops.progress.board import LineState
from ops.progress.drawn_board import DrawnBoard
from ops.progress.records import BuildEvent, ErrorEvent, Moment, step_events, wait_events
from ops.status.terminal import has_colours
from railway_api.progress import FILE_VARIABLE

if TYPE_CHECKING:
    from ops.progress.board import Board
    from ops.pulumi_cli import Pulumi, Ran

EVENT_LOG_VARIABLES = {"PULUMI_DEBUG_COMMANDS": "true"}
"""Without it the CLI does not know `--event-log`."""


_ERRORS, _COUNTS = "\nDiagnostics:\n", "\nResources:\n"


@dataclass(frozen=True)
class WatchedUpdate:
    """An update that ended.

    Attributes:
        ran: what Pulumi printed, and its exit code.
        document: the steps that it did, in the form of `pulumi preview --json`.
        failed: the names of the board's lines that failed.
    """

    ran: Ran
    document: Mapping[str, Any]
    failed: frozenset[str]


class GrowingFile:
    """A file that another process adds lines to.

    Args:
        path: the file; it may not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._read, self._rest = path, 0, b""

    def lines(self) -> list[str]:
        """Return the whole lines that were added since the last call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                added = file.read()
        except FileNotFoundError:
            return []
        self._read += len(added)
        *whole, self._rest = (self._rest + added).split(b"\n")
        return [line.decode(errors="replace") for line in whole]


class UpdateFollower:
    """Follows the progress of an update.

    Args:
        events: Pulumi's event log.
        waits: the records of the providers.
        board: what is shown before anything happened.
        clock: returns seconds.
    """

    def __init__(self, events: Path, waits: Path, board: Board, clock: Callable[[], float] = time.monotonic) -> None:
        self._events, self._waits = GrowingFile(events), GrowingFile(waits)
        self._board, self._clock = board, clock
        self._done: list[Mapping[str, Any]] = []

    def board(self) -> Board:
        """Return the board as it is now."""
        now = self._clock()
        for event in step_events(self._events.lines()):
            if isinstance(event, ErrorEvent):
                self._board = self._board.error(event)
                continue
            if isinstance(event, BuildEvent):
                self._board = self._board.build(event)
                continue
            self._board = self._board.step(event, now)
            if event.moment is Moment.DONE:
                self._done.append(event.row)
        for wait in wait_events(self._waits.lines()):
            self._board = self._board.wait(wait)
        return self._board

    def document(self) -> dict[str, Any]:
        """Return the steps that were done, in the form of `pulumi preview --json`."""
        self.board()
        return {"steps": list(self._done)}


def watched_update(pulumi: Pulumi, arguments: Sequence[str], board: Board, *, shows: bool = True) -> WatchedUpdate:
    """Run `pulumi up`; a failure is part of the result.

    Args:
        pulumi: for the stack.
        arguments: of `pulumi up`.
        board: what is shown before anything happened.
        shows: whether anything is shown.
    """
    is_drawn = shows and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    with tempfile.TemporaryDirectory(prefix="convos-update-") as folder:
        events, waits = Path(folder, "events"), Path(folder, "waits")
        follower = UpdateFollower(events, waits, board)
        extra = {**(pulumi.extra or {}), **EVENT_LOG_VARIABLES, FILE_VARIABLE: str(waits)}
        cli = replace(pulumi, extra=extra)
        with _drawn(follower) if is_drawn else contextlib.nullcontext():
            ran = cli.run("up", *arguments, "--event-log", str(events), show=shows and not is_drawn)
        document = follower.document()
        lines = follower.board().lines.values()
        failed = frozenset(line.name for line in lines if line.state is LineState.FAILED)
    if is_drawn and ran.code != 0:
        # The screen had no room for Pulumi's own words, which say why.
        sys.stdout.write("".join(log_line(line) for line in diagnostics(ran.text).splitlines(keepends=True)))
    return WatchedUpdate(ran, document, failed)


def diagnostics(text: str) -> str:
    """Return what `pulumi up` printed under `Diagnostics:`, where the errors are; without that part, all of it.

    Pulumi prints them in no order: those that only point to the first one come first, as the end is read.
    """
    _, heading, rest = text.rpartition(_ERRORS)
    blocks = rest.partition(_COUNTS)[0].rstrip().split("\n\n")
    return "\n\n".join(sorted(blocks, key=lambda block: SEE not in block)) + "\n" if heading else text


@contextlib.contextmanager
def _drawn(follower: UpdateFollower) -> Iterator[None]:
    colours = has_colours(os.environ, is_terminal=True)
    console = Console(no_color=not colours, highlight=False, markup=False, emoji=False)
    # Ctrl-C of the terminal reaches Pulumi by itself, and it ends cleanly; ended by us, it would leave its lock.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with Live(DrawnBoard(follower.board, time.monotonic), console=console, refresh_per_second=4):
            yield
    finally:
        signal.signal(signal.SIGINT, before)
