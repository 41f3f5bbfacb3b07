"""Creates the volume of a service: mounted at once in a new one, without a deployment in one that may be deployed.

Whether Railway deploys a running service for `volumeCreate` is disputed (fact: volume-create-deploys), and only its
`ServiceInstance` may deploy it, once, as the preview announced. So a volume for such a service is created disconnected,
and a patch that deploys nothing mounts it (fact: volume-mounted-by-patch). Until then it has a mount path that only
this program uses: by it, an interrupted creation is found again, as a repetition would make a second volume
(fact: volume-repeats).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.railway.commit import REFUSED, sourced
from convos_infra.railway.until import until
from railway_api import documents

if TYPE_CHECKING:
    from convos_infra.railway.session import Session
    from convos_infra.railway.snapshot import Snapshot

_APPEARS_SECONDS = 90.0
"""An instance shows 2 to 5 s after its volume, more than 28 s were seen (fact: volume-lag)."""
Row = Mapping[str, Any]


def of_service(snapshot: Snapshot, props: Mapping[str, Any]) -> Row | None:
    """Return the volume that is mounted in a service; None if it has none.

    Args:
        snapshot: the environment.
        props: the inputs of the volume.

    Raises:
        InfraError: it has several.
    """
    found = [row for row in snapshot.volume_instances if row.get("serviceId") == props["serviceId"]]
    if len(found) > 1:
        ids = ", ".join(row["volumeId"] for row in found)
        raise InfraError(
            subject(props), f"the service has {len(found)} volumes: {ids}", "detach all but one on Railway"
        )
    return found[0] if found else None


def subject(props: Mapping[str, Any]) -> str:
    """Return what a volume is called in messages."""
    return f"volume of {props['service']}"


def may_be_deployed(snapshot: Snapshot, service_id: str) -> bool:
    """Tell whether a service runs, or has something that Railway could deploy."""
    return snapshot.latest_deployment(service_id) is not None or sourced({}, snapshot.service(service_id) or {})


def create_mounted(session: Session, props: Mapping[str, Any]) -> Row:
    """Create the volume of a service that Railway has nothing to deploy of, and return its row.

    Args:
        session: sends and reads.
        props: the inputs of the volume.

    Raises:
        InfraError: it does not show in time.
    """

    def seen() -> Row | None:
        return of_service(_now(session, props), props)

    given = {"serviceId": props["serviceId"], "mountPath": props["mountPath"]}
    return _created(session, props, given, seen)


def create_without_deployment(session: Session, props: Mapping[str, Any]) -> Row:
    """Create the volume of a service that runs, mounted by its next deployment, and return its row.

    If Railway refuses the patch or does not carry it out, the row is that of a disconnected volume, which the caller
    mounts in another way.

    Args:
        session: sends and reads; its caller holds the environment alone.
        props: the inputs of the volume.

    Raises:
        InfraError: it does not show in time.
    """
    path = f"/not-mounted/{props['serviceId']}"

    def seen() -> Row | None:
        rows = (one for one in _now(session, props).volume_instances if not one.get("serviceId"))
        return next((one for one in rows if one["mountPath"] == path), None)

    row = seen() or _created(session, props, {"mountPath": path}, seen)

    def mounted() -> Row | None:
        found = of_service(_now(session, props), props)
        return found if found is not None and found["mountPath"] == props["mountPath"] else None

    mounts = {"volumeMounts": {row["volumeId"]: {"mountPath": props["mountPath"]}}}
    variables = {
        "environmentId": props["environmentId"],
        "patch": {"services": {props["serviceId"]: mounts}},
        "message": f"{props['service']}: volume at {props['mountPath']}"[:200],
    }
    try:
        _, found = session.client.mutate(documents.PATCH_STORE, variables, subject=subject(props), observe=mounted)
    except REFUSED:
        return row
    return found or session.until(mounted) or row


def _created(
    session: Session, props: Mapping[str, Any], given: Mapping[str, Any], seen: Callable[[], Row | None]
) -> Row:
    place = {"projectId": props["projectId"], "environmentId": props["environmentId"]}
    # Not idempotent on Railway: a repetition makes a second volume.
    _, found = session.client.mutate(
        documents.VOLUME_CREATE, {"input": {**place, **given}}, subject=subject(props), observe=seen, settle=True
    )
    return found or _awaited(session, props, seen)


def _awaited(session: Session, props: Mapping[str, Any], seen: Callable[[], Row | None]) -> Row:
    found = until(session.client, seen, _APPEARS_SECONDS, longest=5.0)
    if found is None:
        raise InfraError(subject(props), f"not listed {_APPEARS_SECONDS:g} s after it was made", "run pulumi up again")
    return found


def _now(session: Session, props: Mapping[str, Any]) -> Snapshot:
    return session.living(props, subject=subject(props), fresh=True)
