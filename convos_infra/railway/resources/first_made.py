"""Keeps the first of several things with one name that several updates made at the same time.

Only an empty thing that this update itself made is ever deleted here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.railway.same_name import Rank, Standing, rank_of

if TYPE_CHECKING:
    from convos_infra.railway.session import Session


@dataclass(frozen=True)
class Namesakes:
    """The things with one name, and how they are listed, checked and deleted.

    Attributes:
        subject: the subject of errors: kind and name.
        config_key: the key of the stack's config that selects one by its id.
        living: lists all things with the name, each with `id` and `createdAt`.
        is_empty: tells whether the thing with this id contains nothing.
        delete: deletes the thing with this id.
    """

    subject: str
    config_key: str
    living: Callable[[], Iterable[Mapping[str, Any]]]
    is_empty: Callable[[str], bool]
    delete: Callable[[str], None]


def keep_first_made(session: Session, mine: str, names: Namesakes) -> str:
    """Return the id of the one to go on with: this update's own, or an older one that another update made.

    Args:
        session: its clock and its limits.
        mine: the id of the one that this update made.
        names: the things with its name.

    Raises:
        InfraError: more than one would be left, or Railway does not list what it made.
        RailwayError: they could not be read, or this update's own could not be deleted.
    """
    deadline, pause = session.client.clock() + session.client.timing.stick_seconds, 0.2
    while True:
        place = rank_of(mine, names.living())
        if place.standing is Standing.ALONE:
            return mine
        if place.standing is Standing.YIELDS:
            return _yielded(session, mine, place, names)
        if place.standing is Standing.UNCLEAR or session.client.clock() > deadline:
            raise _several(mine, place, names)
        session.client.sleep(pause)
        pause = min(pause * 2, 3.0)


def _yielded(session: Session, mine: str, place: Rank, names: Namesakes) -> str:
    if not names.is_empty(mine):
        raise _several(mine, place, names)
    names.delete(mine)
    session.client.progress(
        f"{names.subject}: another update made one of this name first, {place.oldest}, which is used; {mine}, which "
        "this update made and which was empty, is deleted"
    )
    return place.oldest


def _several(mine: str, place: Rank, names: Namesakes) -> InfraError:
    if place.standing is Standing.NOT_LISTED:
        return InfraError(names.subject, f"Railway made it ({mine}), but does not list it", "run pulumi up again")
    problem = f"several updates made one of this name at the same time: {', '.join(place.ids)} ({mine} by this update)"
    return InfraError(
        names.subject, problem, f"delete all but one on Railway, or set {names.config_key} to the one that is meant"
    )
