"""The board in a terminal: redrawn four times a second while an update runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from ops.printable import escaped
from ops.progress.board import BoardLine, LineState

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from ops.progress.board import Board

_STYLES = {LineState.WAITS: "dim", LineState.RUNS: "bold yellow", LineState.DONE: "green", LineState.FAILED: "bold red"}
LONGEST_NAME = 40
_ORDER = (LineState.FAILED, LineState.RUNS, LineState.WAITS, LineState.DONE)


class DrawnBoard:
    """Draws the newest board.

    Args:
        newest: returns it.
        clock: returns seconds.
    """

    def __init__(self, newest: Callable[[], Board], clock: Callable[[], float]) -> None:
        self._newest, self._clock = newest, clock

    def __rich_console__(self, console: Console, _: ConsoleOptions) -> RenderResult:
        """Draw it: as many lines as fit into the terminal, and the number of the others."""
        lines, now = list(self._newest().lines.values()), self._clock()
        room = max(console.size.height - 2, 1)
        shown = lines if len(lines) <= room else sorted(lines, key=lambda line: _ORDER.index(line.state))[:room]
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=3, no_wrap=True)
        widest = max((cell_len(escaped(line.name)) for line in shown), default=0)
        table.add_column(width=min(widest, LONGEST_NAME), no_wrap=True, overflow="ellipsis")
        table.add_column(width=6, no_wrap=True, justify="right")
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        for line in shown:
            table.add_row(*_cells(line, now))
        yield table
        if len(lines) > len(shown):
            done = sum(1 for line in lines if line.state is LineState.DONE)
            yield Text(f"… {len(lines)} lines, {done} done", style="dim")


def _cells(line: BoardLine, now: float) -> list[Text]:
    style, seconds = _STYLES[line.state], line.seconds(now)
    took = "" if seconds is None else f"{seconds:.0f} s"
    return [
        Text(f"  {line.state.value}", style=style),
        Text(escaped(line.name), style="bold"),
        Text(took),
        Text(escaped(line.text), style=style if line.state is LineState.FAILED else ""),
    ]
