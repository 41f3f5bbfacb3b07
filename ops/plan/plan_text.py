"""Rows of a plan as text: colours and wrapping for a terminal, plain lines for a log, and the head of a comment. Pure.

No text from outside can steer the terminal, act as a workflow command, or end the code block of a comment.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ops.plan.plan_rows import Mark, PlanRow
from ops.printable import escaped, in_code_block, log_line

NARROWEST = 40
ENDLESS = 100_000
"""The width if the output is not a terminal: wrapped lines are harder to search."""
COMMENT_WIDTH = 110
_STYLES = {Mark.PLAIN: "", Mark.DEPLOYS: "bold yellow", Mark.NEW: "green", Mark.LOST: "bold red"}
_FENCE = "```"


def plan_text(title: str, rows: Sequence[PlanRow], *, width: int = ENDLESS, colours: bool = False) -> str:
    """Return the plan for a terminal or a log.

    Args:
        title: the first line.
        rows: of the plan.
        width: of the terminal, in columns.
        colours: whether it shows them.
    """
    drawn = _drawn(rows, max(width, NARROWEST), colours=colours)
    head = _drawn([PlanRow("", title)], max(width, NARROWEST), colours=colours, title=True)
    return "".join(log_line(f"{line}\n") if not colours else f"{line}\n" for line in [*head, *drawn])


def plan_markdown(title: str, rows: Sequence[PlanRow], *, longest: int) -> str:
    """Return the plan for a comment or a job's summary: a heading, and the same rows in a block that colours by sign.

    Args:
        title: the heading.
        rows: of the plan.
        longest: how many characters the rows may have; more are cut at the end of a line.
    """
    text = in_code_block("\n".join(_drawn(rows, COMMENT_WIDTH, colours=False)))
    if len(text) > longest:
        text = f"{text[:longest].rpartition(chr(10))[0]}\n… cut here; the whole is in the log of the job"
    drawn = text.split("\n") if text else []
    return "\n".join([f"### {title}", *(["", f"{_FENCE}diff", *drawn, _FENCE] if drawn else [])])


def _drawn(rows: Sequence[PlanRow], width: int, *, colours: bool, title: bool = False) -> list[str]:
    table = Table.grid(padding=(0, 1))
    for _ in range(1 if title else 3):
        table.add_column(overflow="fold")
    for row in rows:
        style = "bold" if title else _STYLES[row.mark]
        text = Text(escaped(row.text), style=style)
        cells = [text] if title else [Text(row.mark.value, style=style), Text(row.label, style="bold"), text]
        table.add_row(*cells)
    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=colours,
        color_system="standard" if colours else None,
        no_color=not colours,
        legacy_windows=False,
        emoji=False,
        highlight=False,
        markup=False,
        _environ={},
    )
    console.print(table)
    return [line.rstrip() for line in out.getvalue().splitlines() if line.strip()]
