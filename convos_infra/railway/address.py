"""The current address of a service according to Railway. A key is sent to this address only.

The state has a former address. A domain that a service has lost may belong to somebody else by now.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.railway.snapshot import Gone

if TYPE_CHECKING:
    from convos_infra.railway.session import Session
    from convos_infra.railway.snapshot import Snapshot

PLAIN = "http://"


def is_local(endpoint: str) -> bool:
    """Tell whether an endpoint of Railway's API is this machine's emulator, whose services answer without TLS."""
    return endpoint.startswith(PLAIN)


def addresses(snapshot: Snapshot, service_id: str, *, local: bool) -> tuple[str, ...]:
    """Return the addresses of a service, without a path; nothing if none of its deployments serves.

    A service of the emulator answers at the address of its deployment; a service on Railway at its domains.

    Args:
        snapshot: the environment.
        service_id: the service's id.
        local: whether Railway is the emulator of this machine.
    """
    serving = snapshot.serving_deployment(service_id)
    if serving is None:
        return ()
    if serving.mode:
        return (serving.url,) if local and serving.url.startswith(PLAIN) else ()
    kinds = ("serviceDomains", "customDomains")
    return tuple(f"https://{row['domain']}" for kind in kinds for row in snapshot.domains(service_id, kind))


def address_now(session: Session, place: Mapping[str, Any], recorded: Collection[str], *, settle: bool = False) -> str:
    """Return the current address of a service; empty if Railway shows none.

    Args:
        session: asks Railway.
        place: `projectId`, `environmentId` and `serviceId`.
        recorded: its last known address, which is preferred as long as it is still valid.
        settle: whether to wait for an address that was just created: reads lag behind (fact: read-lag).

    Raises:
        RailwayError: Railway cannot be asked.
    """
    service_id, local = str(place["serviceId"]), is_local(session.client.endpoint)
    found: tuple[str, ...] = ()

    def look(*, fresh: bool = True) -> str | None:
        nonlocal found
        try:
            found = addresses(session.read(place, subject="address", fresh=fresh), service_id, local=local)
        except Gone:
            found = ()
        known = [one.rstrip("/") for one in recorded]
        return next((one for one in found if one.rstrip("/") in known), None)

    confirmed = look(fresh=False) or (session.until(look) if settle else None)
    return confirmed or next(iter(found), "")
