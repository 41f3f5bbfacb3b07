"""Runs `pulumi up` and shows it: a line for each service in a terminal, Pulumi's own lines elsewhere."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live

from convos_infra.explanations import SEE
from ops.printable import log_line
from ops.progress.board import LineState
from ops.progress.drawn_board import DrawnBoard
from ops.progress.records import BuildEvent, ErrorEvent, Moment
from ops.progress.update_log import update_log
from ops.status.terminal import has_colours

if TYPE_CHECKING:
    from ops.progress.board import Board
    from ops.progress.update_log import UpdateLog
    from ops.pulumi_cli import Pulumi, Ran

_ERRORS, _COUNTS = "\nDiagnostics:\n", "\nResources:\n"


@dataclass(frozen=True)
class WatchedUpdate:
    """An update that ended.

    Attributes:
        ran: what Pulumi printed, and its exit code.
        document: the steps that were done, in the form of `pulumi preview --json`.
        failed: the names of the board's lines that failed.
    """

    ran: Ran
    document: Mapping[str, Any]
    failed: frozenset[str]


class UpdateFollower:
    """Follows the progress of an update.

    Args:
        log: what Pulumi and its providers record of it.
        board: what is shown before anything happened.
        clock: returns seconds.
    """

    def __init__(self, log: UpdateLog, board: Board, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._board, self._clock = log, board, clock
        self._done: list[Mapping[str, Any]] = []

    def board(self) -> Board:
        """Return the board as it is now."""
        now = self._clock()
        for event in self._log.steps():
            if isinstance(event, ErrorEvent):
                self._board = self._board.error(event)
                continue
            if isinstance(event, BuildEvent):
                self._board = self._board.build(event)
                continue
            self._board = self._board.step(event, now)
            if event.moment is Moment.DONE:
                self._done.append(event.row)
        for wait in self._log.waits():
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
    with update_log() as log:
        follower = UpdateFollower(log, board)
        cli = replace(pulumi, extra={**(pulumi.extra or {}), **log.variables})
        with _drawn(follower) if is_drawn else contextlib.nullcontext():
            ran = cli.run("up", *arguments, *log.arguments, show=shows and not is_drawn)
        document = follower.document()
        lines = follower.board().lines.values()
        failed = frozenset(line.name for line in lines if line.state is LineState.FAILED)
    if is_drawn and ran.code != 0:
        # The board leaves no room for Pulumi's own output, which says why the update failed.
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
    # The terminal sends Ctrl-C to Pulumi as well, which then ends cleanly. If we ended it, it would leave its lock.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with Live(DrawnBoard(follower.board, time.monotonic), console=console, refresh_per_second=4):
            yield
    finally:
        signal.signal(signal.SIGINT, before)
