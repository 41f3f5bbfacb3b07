"""Decides which of several things stays that were created with the same name at the same time. Pure.

Railway allows two projects with the same name. Each run that creates one reads the list again and finds the same oldest
one: that one stays, and each run that created a younger one deletes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any


class Standing(Enum):
    """The standing of the thing that was just created among those with its name."""

    ALONE = "alone"
    NOT_LISTED = "not listed yet"
    YIELDS = "an older one is there"
    WAITS = "younger ones are there, and their makers remove them"
    UNCLEAR = "nothing says which is the oldest"


@dataclass(frozen=True)
class Rank:
    """The rank of the thing that was just created, by age.

    Attributes:
        standing: its standing among the things with its name.
        oldest: the id of the one that stays; empty if it is not known.
        ids: all of their ids, oldest first if the order is known.
    """

    standing: Standing
    oldest: str = ""
    ids: tuple[str, ...] = ()


def rank_of(mine: str, rows: Iterable[Mapping[str, Any]]) -> Rank:
    """Return the rank of a thing.

    Args:
        mine: its id.
        rows: all existing things with its name, with `id` and `createdAt`.
    """
    made = {str(row["id"]): _moment(row.get("createdAt")) for row in rows}
    if mine not in made:
        # A list that does not show it yet may also lack an older one, so it proves nothing.
        return Rank(Standing.NOT_LISTED, ids=(mine, *sorted(made)))
    if len(made) == 1:
        return Rank(Standing.ALONE, mine, (mine,))
    moments = {id_: moment for id_, moment in made.items() if moment is not None}
    if len(moments) < len(made):
        return Rank(Standing.UNCLEAR, ids=tuple(sorted(made)))
    # Two of the same moment are ordered by their ids, which every run sees alike.
    ids = tuple(sorted(moments, key=lambda id_: (moments[id_], id_)))
    return Rank(Standing.WAITS if ids[0] == mine else Standing.YIELDS, ids[0], ids)


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
