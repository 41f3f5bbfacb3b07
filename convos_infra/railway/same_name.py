"""Several things of one name, made at the same time from several places: which one stays. Pure.

Railway takes two projects of one name. Whoever makes one looks again and finds, in the same order as everybody else,
the oldest: that one stays, and each maker of a younger one removes its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any


class Standing(Enum):
    """What there is beside the thing that was just made."""

    ALONE = "alone"
    NOT_LISTED = "not listed yet"
    YIELDS = "an older one is there"
    WAITS = "younger ones are there, and their makers remove them"
    UNCLEAR = "nothing says which is the oldest"


@dataclass(frozen=True)
class Rank:
    """Where the thing that was just made stands.

    Attributes:
        standing: among all of its name.
        oldest: the id of the one that stays; empty where that is not known.
        ids: all of them, oldest first where that is known.
    """

    standing: Standing
    oldest: str = ""
    ids: tuple[str, ...] = ()


def rank_of(mine: str, rows: Iterable[Mapping[str, Any]]) -> Rank:
    """Return where a thing stands.

    Args:
        mine: its id.
        rows: everything living of its name, with `id` and `createdAt`.
    """
    made = {str(row["id"]): _moment(row.get("createdAt")) for row in rows}
    if mine not in made:
        # A list that does not show it yet may lack an older one as well: it proves nothing.
        return Rank(Standing.NOT_LISTED, ids=(mine, *sorted(made)))
    if len(made) == 1:
        return Rank(Standing.ALONE, mine, (mine,))
    moments = {id_: moment for id_, moment in made.items() if moment is not None}
    if len(moments) < len(made):
        return Rank(Standing.UNCLEAR, ids=tuple(sorted(made)))
    # Two of the same moment are told apart by their ids, which every maker sees alike.
    ids = tuple(sorted(moments, key=lambda id_: (moments[id_], id_)))
    return Rank(Standing.WAITS if ids[0] == mine else Standing.YIELDS, ids[0], ids)


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
