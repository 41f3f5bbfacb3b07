"""Summarises the page of a stack in one line: all is well, or what needs attention. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ops.status.rows import Row, Tone

if TYPE_CHECKING:
    from ops.status.report import Report

ALL_WELL = "all is well"


def headline(report: Report, table: Sequence[Row]) -> str:
    """Return the line.

    Args:
        report: what was read.
        table: its rows.
    """
    if report.is_fine:
        return ALL_WELL
    found = to_look_at(table)
    names = ", ".join(dict.fromkeys(name for name, _ in found))
    return f"{len(found)} row{'s' * (len(found) != 1)} to look at: {names}"


def to_look_at(table: Sequence[Row]) -> list[tuple[str, Row]]:
    """Return the rows that are not as they should be, each with the label of its part."""
    found, label = [], ""
    for row in table:
        label = row.label or label
        if row.tone is Tone.RED:
            found.append((label, row))
    return found
