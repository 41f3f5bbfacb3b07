"""The way to the pool manager, by Railway's word of this moment: its key goes there and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.railway.address import address_now
from convos_infra.rollout.pool_api import PoolApi

if TYPE_CHECKING:
    from convos_infra.railway.session import Session

PLACE = ("projectId", "environmentId", "serviceId")
_NOWHERE = "not asked, as Railway shows no place where its service answers now"
_UNPLACED = "not asked, as the state does not say which service it is (pulumi up records it)"


def pool_at(session: Session, place: Mapping[str, Any], recorded: str, key: str, *, settle: bool = False) -> PoolApi:
    """Return the pool manager of a service; one that gives no answer where Railway shows no place of it.

    Args:
        session: asks Railway.
        place: `projectId`, `environmentId` and `serviceId`; a state of an older release has none of them.
        recorded: where it answered when it was last known.
        key: its bearer key.
        settle: whether it was just deployed, so that reads may lag behind.

    Raises:
        RailwayError: Railway cannot be asked.
    """
    if not all(place.get(name) for name in PLACE):
        # The gate of a destroy has looked, before anything else was deleted.
        url = session.run.pool_url
        return PoolApi(url, key, unasked="" if url else _UNPLACED)
    url = address_now(session, place, [recorded], settle=settle)
    return PoolApi(url, key, unasked="" if url else _NOWHERE)
