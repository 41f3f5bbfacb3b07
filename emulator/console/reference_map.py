"""Draws the references between services as SVG: referring services on the left, their targets on the right. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from emulator.console.markup import Markup, tag

if TYPE_CHECKING:
    from emulator.console.read import ReferenceEdge

_ROW, _BOX, _WIDE, _GAP = 44, 30, 260, 140
_LONGEST = 30


def drawn(edges: Sequence[ReferenceEdge]) -> Markup:
    """Return the map; the same references are listed below it for people who cannot see it."""
    left = sorted({edge.owner for edge in edges})
    right = sorted({edge.target for edge in edges}, key=lambda name: (name == "shared", name))
    broken = {edge.target for edge in edges if edge.is_broken}
    height, width = max(len(left), len(right)) * _ROW, 2 * _WIDE + _GAP
    lines = [
        tag(
            "line",
            x1=_WIDE,
            y1=_middle(left.index(owner)),
            x2=_WIDE + _GAP,
            y2=_middle(right.index(target)),
            class_="broken" if target in broken else None,
        )
        for owner, target in sorted({(edge.owner, edge.target) for edge in edges})
    ]
    boxes = [_box(0, place, name, is_broken=False) for place, name in enumerate(left)]
    boxes += [_box(_WIDE + _GAP, place, name, is_broken=name in broken) for place, name in enumerate(right)]
    label = f"Map of references: {len(edges)} between {len({*left, *right})} services; the list below says which"
    picture = tag("svg", *lines, *boxes, viewBox=f"0 0 {width} {height}", role="img", aria_label=label)
    return tag("div", picture, class_="scroll map", role="region", aria_label="Map of references", tabindex=0)


def _middle(place: int) -> int:
    return place * _ROW + _ROW // 2


def _box(x: int, place: int, name: str, *, is_broken: bool) -> Markup:
    shown = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
    top = place * _ROW + (_ROW - _BOX) // 2
    return tag(
        "g",
        tag("title", name),
        tag("rect", x=x + 1, y=top, width=_WIDE - 2, height=_BOX, rx=6),
        tag("text", shown, x=x + 10, y=_middle(place) + 5),
        class_="broken" if is_broken else None,
    )
