"""Small charts of the benchmarks over the commits that recorded them, as SVG in the page. Pure."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, PAD = 320, 64, 6
MOST_OF_A_SUITE = 4
Row = Mapping[str, object]


@dataclass(frozen=True)
class Series:
    """One number over commits, oldest first.

    Attributes:
        name: the suite, the case and the size.
        points: commit and seconds.
    """

    name: str
    points: tuple[tuple[str, float], ...]


def series(recorded: Sequence[tuple[str, Sequence[Row]]]) -> dict[str, list[Series]]:
    """Return the slowest cases of each suite, each at its largest size, over the commits.

    Args:
        recorded: commit and the rows that it recorded, oldest first.
    """
    if not recorded:
        return {}
    newest = [row for row in recorded[-1][1] if isinstance(row.get("seconds"), int | float)]
    suites: dict[str, dict[str, Row]] = {}
    for row in newest:
        cases = suites.setdefault(str(row["suite"]), {})
        known = cases.get(str(row["case"]))
        if known is None or _size(row) >= _size(known):
            cases[str(row["case"])] = row
    found: dict[str, list[Series]] = {}
    for suite, cases in suites.items():
        slowest = sorted(cases.values(), key=_seconds, reverse=True)[:MOST_OF_A_SUITE]
        found[suite] = [_of(row, recorded) for row in slowest]
    return found


def _of(row: Row, recorded: Sequence[tuple[str, Sequence[Row]]]) -> Series:
    key = (row["suite"], row["case"], row["size"])
    points = [
        (commit, _seconds(one))
        for commit, rows in recorded
        for one in rows
        if (one.get("suite"), one.get("case"), one.get("size")) == key and isinstance(one.get("seconds"), int | float)
    ]
    return Series(f"{row['suite']}: {row['case']}, {row['size']}", tuple(points))


def _size(row: Row) -> float:
    size = row.get("size")
    return float(size) if isinstance(size, int | float) else 0.0


def _seconds(row: Row) -> float:
    return float(str(row["seconds"]))


def chart(one: Series) -> str:
    """Return a series as a figure: a line from the oldest commit to the newest, and both numbers as text."""
    values = [value for _, value in one.points]
    top = max(values) or 1.0
    step = (WIDTH - 2 * PAD) / max(1, len(values) - 1)
    points = [
        (PAD + place * step, HEIGHT - PAD - value / top * (HEIGHT - 2 * PAD)) for place, value in enumerate(values)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    told = f"{one.name}: {values[0]:g} s at {one.points[0][0]}, {values[-1]:g} s at {one.points[-1][0]}"
    return (
        f'<figure class="chart"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(told)}">'
        f'<polyline points="{line}" fill="none" stroke="currentColor" stroke-width="2"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="currentColor"/></svg>'
        f"<figcaption>{html.escape(told)}</figcaption></figure>"
    )


def section(recorded: Sequence[tuple[str, Sequence[Row]]]) -> str:
    """Return the charts as a section of a page; empty if nothing was recorded."""
    suites = series(recorded)
    if not suites:
        return ""
    parts = ["## Over time", "Seconds, by the commits that recorded them; the scale begins at 0."]
    for suite, found in suites.items():
        parts += [f"### Suite {suite}", "\n".join(chart(one) for one in found)]
    return "\n\n".join(parts) + "\n"
