"""What only a new deployment applies: volumes, TCP proxies, and domains as variables. Pure.

A new proxy does not work until its service is deployed. The next deployment mounts a volume and gets
RAILWAY_PUBLIC_DOMAIN (docs.railway.com/networking/tcp-proxy, /volumes, /variables/reference). The input
`bound` of a ServiceInstance names them with their ids: a different id is a different thing, and needs a deployment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pulumi

from convos_infra.provider import is_unknown

if TYPE_CHECKING:
    from convos_infra.railway.snapshot import Snapshot

BOUND = "bound"
Props = Mapping[str, Any]


class BoundKind(StrEnum):
    """The kinds of bound things, with their names in the input."""

    TCP_PROXY = "tcpProxies"
    VOLUME = "volumes"
    SERVICE_DOMAIN = "serviceDomains"
    CUSTOM_DOMAIN = "customDomains"


@dataclass(frozen=True, order=True)
class BoundPlace:
    """The place in which a thing is bound to a service.

    Attributes:
        kind: the kind of the thing.
        key: the application port, the mount path, the label of a Railway domain (empty for any), or the domain.
    """

    kind: BoundKind
    key: str

    def __str__(self) -> str:
        """Return the place as people read it."""
        label = f" {self.key}" if self.key else ""
        return f"{_TOLD[self.kind]}{label}"


_TOLD = {
    BoundKind.TCP_PROXY: "TCP proxy",
    BoundKind.VOLUME: "volume at",
    BoundKind.SERVICE_DOMAIN: "Railway domain",
    BoundKind.CUSTOM_DOMAIN: "domain",
}


@dataclass(frozen=True)
class Bound:
    """The things of a service that only a new deployment applies.

    Attributes:
        tcp_proxies: application port -> the proxy's id.
        volumes: mount path -> the volume's id.
        service_domains: label, or empty if Railway chooses it -> the domain.
        custom_domains: domain -> its id.
    """

    tcp_proxies: Mapping[int, pulumi.Input[str]] = field(default_factory=dict)
    volumes: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    service_domains: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    custom_domains: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)

    def properties(self) -> dict[str, Any]:
        """Return the value of the input."""
        found: dict[str, Any] = {
            BoundKind.TCP_PROXY: {str(port): id_ for port, id_ in self.tcp_proxies.items()},
            BoundKind.VOLUME: dict(self.volumes),
            BoundKind.SERVICE_DOMAIN: dict(self.service_domains),
            BoundKind.CUSTOM_DOMAIN: dict(self.custom_domains),
        }
        return {str(kind): things for kind, things in found.items() if things}


def rebound(
    before: Props, after: Props, snapshot: Snapshot | None, anew: Collection[tuple[str, BoundPlace]]
) -> list[BoundPlace]:
    """Return the things that are bound to a service and that its deployment does not have yet.

    Args:
        before: the inputs in the state. Those of an older release have no `bound`, which is not a change.
        after: the new inputs; in a preview, the id of a thing that is created or changed in place is not known yet.
        snapshot: the environment; None if it is new as well.
        anew: the things that this run has created or mounted, with the ids of their services.
    """
    old = dict(_things(before))
    found = []
    for place, value in _things(after):
        if is_unknown(value):
            # A place that is new to the inputs is a change.
            is_new = bool(before.get(BOUND)) and place not in old
            service_id, recorded = str(after["serviceId"]), old.get(place)
            changed = is_new or snapshot is None or not _is_still_there(place, recorded, snapshot, service_id)
        else:
            changed = bool(before.get(BOUND)) and old.get(place) != value
        if changed or (str(after.get("serviceId")), place) in anew:
            found.append(place)
    return sorted(found)


def missing(props: Props, snapshot: Snapshot) -> list[BoundPlace]:
    """Return what is recorded as bound to a service and no longer exists."""
    return sorted(place for place, _ in _things(props) if not is_there(place, snapshot, str(props["serviceId"])))


def told(props: Props) -> set[str]:
    """Return the places of the things that are bound to a service, for people."""
    return {str(place) for place, _ in _things(props)}


def _is_still_there(place: BoundPlace, recorded: Any, snapshot: Snapshot, service_id: str) -> bool:
    """Tell whether the recorded thing is still bound in a place, and was not replaced by others."""
    if not is_there(place, snapshot, service_id):
        return False
    # A proxy has no id in an environment's config, and an older release recorded none of the others.
    if recorded is None or place.kind is BoundKind.TCP_PROXY:
        return True
    if place.kind is BoundKind.VOLUME:
        return any(row["volumeId"] == recorded for row in snapshot.volume_instances)
    # A Railway domain is recorded by its name, a custom domain by its id.
    return any(recorded in (row["id"], row["domain"]) for row in snapshot.domains(service_id, place.kind))


def is_there(place: BoundPlace, snapshot: Snapshot, service_id: str) -> bool:
    """Tell whether anything is bound to a service in a place."""
    if place.kind is BoundKind.TCP_PROXY:
        networking = (snapshot.service(service_id) or {}).get("networking") or {}
        return place.key in (networking.get("tcpProxies") or {})
    if place.kind is BoundKind.VOLUME:
        mounted = [row for row in snapshot.volume_instances if row.get("serviceId") == service_id]
        return any(row["mountPath"] == place.key for row in mounted)
    domains = [str(row["domain"]) for row in snapshot.domains(service_id, place.kind)]
    if place.kind is BoundKind.CUSTOM_DOMAIN:
        return place.key in domains
    return any(not place.key or domain.partition(".")[0] == place.key for domain in domains)


def _things(props: Props) -> Iterator[tuple[BoundPlace, Any]]:
    bound = props.get(BOUND)
    if not isinstance(bound, Mapping):
        return
    for kind in BoundKind:
        for key, value in (bound.get(kind) or {}).items():
            yield BoundPlace(kind, str(key)), value
