"""How `make status … WATCH=1` shows each poll: redrawn in a terminal, a line each elsewhere, JSON for scripts."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TextIO

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.text import Text

from ops.printable import escaped
from ops.status.headline import headline
from ops.status.rows import rows
from ops.status.source import stamp
from ops.status.terminal import lines

if TYPE_CHECKING:
    from datetime import datetime

    from ops.status.report import Report
    from railway_api.failure import Failure


@dataclass(frozen=True)
class PollResult:
    """The result of one poll of a stack.

    Attributes:
        at: when it began.
        found: what was read, or why there is nothing.
    """

    at: datetime
    found: Report | Failure


class View(Protocol):
    """Shows the results of polls, each in place of the previous one or after it."""

    def show(self, result: PollResult) -> None:
        """Show one."""

    def end(self, result: PollResult) -> None:
        """Leave the last one for the reader."""


@dataclass(frozen=True)
class LineView:
    """A line for each poll, for logs.

    Attributes:
        stack: its name.
        out: where lines go.
    """

    stack: str
    out: TextIO

    def show(self, result: PollResult) -> None:
        """Print the line."""
        self.out.write(f"{stamp(result.at)} {self.stack}: {escaped(summary(result))}\n")
        self.out.flush()

    def end(self, result: PollResult) -> None:
        """Print nothing: the last line is there."""


@dataclass(frozen=True)
class DocumentView:
    """A line of JSON for each result.

    Attributes:
        stack: its name.
        out: where lines go.
    """

    stack: str
    out: TextIO

    def show(self, result: PollResult) -> None:
        """Print the document."""
        document = {"stack": self.stack, "error": str(result.found)}
        if not isinstance(result.found, Exception):
            document = result.found.document()
        self.out.write(f"{json.dumps({'at': stamp(result.at), **document})}\n")
        self.out.flush()

    def end(self, result: PollResult) -> None:
        """Print nothing: the last document is there."""


@dataclass(frozen=True)
class ScreenView:
    """The whole page, redrawn in place, and left on the terminal at the end.

    Attributes:
        stack: its name.
        console: the terminal.
        live: what is redrawn.
        foot: the last line of the screen.
    """

    stack: str
    console: Console
    live: Live
    foot: str

    def show(self, result: PollResult) -> None:
        """Draw the page."""
        self.live.update(_Screen(self._head(result), self._page(result), self.foot), refresh=True)

    def end(self, result: PollResult) -> None:
        """Leave the alternate screen, and print the page as it was last."""
        self.live.stop()
        self.console.print(self._head(result), self._page(result), sep="\n", soft_wrap=True)

    def _head(self, result: PollResult) -> Text:
        is_fine = not isinstance(result.found, Exception) and result.found.is_fine
        verdict = (escaped(summary(result)), "bold green" if is_fine else "bold red")
        return Text.assemble((self.stack, "bold"), f"  {stamp(result.at)}  ", verdict)

    def _page(self, result: PollResult) -> Text:
        if isinstance(result.found, Exception):
            return Text("")
        return Text.from_ansi("\n".join(lines(rows(result.found)[1:], colours=not self.console.no_color)))


@dataclass(frozen=True)
class _Screen:
    """A page on a screen that may be too small for it: its first rows, and how many more there are."""

    head: Text
    page: Text
    foot: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        # Lines of a given height would be filled up to it.
        free = options.reset_height()
        head, page = (console.render_lines(part, free, pad=False) for part in (self.head, self.page))
        drawn = [*head, [], *page]
        room = max(console.size.height - 2, 1)
        hidden = len(drawn) - room
        more = f"… {hidden} more lines: make the terminal larger. " if hidden > 0 else ""
        for line in [*drawn[:room], []]:
            yield from line
            yield Segment.line()
        yield Text(f"{more}{self.foot}", style="dim", overflow="ellipsis", no_wrap=True, end="")


def summary(result: PollResult) -> str:
    """Return the result of a poll in one line."""
    if isinstance(result.found, Exception):
        return f"not read: {result.found}"
    return headline(result.found, rows(result.found))


@contextlib.contextmanager
def screen(stack: str, out: TextIO, foot: str, *, colours: bool) -> Iterator[ScreenView]:
    """Open the screen of a terminal; what a poll prints on stderr meanwhile is printed when it closes.

    Args:
        stack: its name.
        out: the terminal.
        foot: its last line.
        colours: whether there are colours.
    """
    console = Console(file=out, no_color=not colours, highlight=False, markup=False, emoji=False)
    beside = io.StringIO()
    live = Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
    try:
        with live, contextlib.redirect_stderr(beside):
            yield ScreenView(stack, console, live, foot)
    finally:
        sys.stderr.write("".join(dict.fromkeys(beside.getvalue().splitlines(keepends=True))))
