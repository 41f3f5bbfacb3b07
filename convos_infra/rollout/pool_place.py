"""Finds the pool manager's current URL on Railway, so that its key is sent nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.railway.address import address_now
from convos_infra.rollout.pool_api import PoolApi

if TYPE_CHECKING:
    from convos_infra.railway.session import Session

PLACE = ("projectId", "environmentId", "serviceId")
_NOWHERE = "not asked: Railway shows no URL of its service now"
_UNPLACED = "not asked: the state does not contain its service's id (pulumi up records it)"


def pool_at(session: Session, place: Mapping[str, Any], recorded: str, key: str, *, settle: bool = False) -> PoolApi:
    """Return the pool manager of a service. If Railway shows no URL of it, every request to it fails.

    Args:
        session: the access to Railway.
        place: `projectId`, `environmentId` and `serviceId`; absent in a state of an older release.
        recorded: its last known URL.
        key: its bearer key.
        settle: whether it was just deployed, so that reads may lag behind.

    Raises:
        RailwayError: Railway cannot be asked.
    """
    if not all(place.get(name) for name in PLACE):
        # The destroy gate has read the URL before anything was deleted.
        url = session.run.pool_url
        return PoolApi(url, key, unasked="" if url else _UNPLACED)
    url = address_now(session, place, [recorded], settle=settle)
    return PoolApi(url, key, unasked="" if url else _NOWHERE)
