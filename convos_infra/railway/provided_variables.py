"""The variables that Railway provides to a service and that references can use. Pure.

Source: docs.railway.com/variables/reference. `PORT` is not among them: a deployment is given one, but a reference to it
has a target only if the service sets it (docs.railway.com/networking/private-networking).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convos_infra.railway.environment_config import at
from convos_infra.railway.references import ANYTHING, SOMETHING, Gap, Value

if TYPE_CHECKING:
    from convos_infra.railway.snapshot import Snapshot

PRIVATE_DOMAIN = Gap(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
PORT_NUMBER = Gap(r"[0-9]+")
_EACH_DEPLOYMENT = (
    "RAILWAY_REPLICA_ID",
    "RAILWAY_REPLICA_REGION",
    "RAILWAY_DEPLOYMENT_ID",
    "RAILWAY_SNAPSHOT_ID",
)
_OF_A_REPOSITORY = (
    "RAILWAY_GIT_COMMIT_SHA",
    "RAILWAY_GIT_AUTHOR",
    "RAILWAY_GIT_BRANCH",
    "RAILWAY_GIT_REPO_NAME",
    "RAILWAY_GIT_REPO_OWNER",
    "RAILWAY_GIT_COMMIT_MESSAGE",
)
_OF_TRACING = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_SERVICE_NAME",
    "OTEL_SERVICE_VERSION",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
)
SERVICE_NAME, PRIVATE_NAME = "RAILWAY_SERVICE_NAME", "RAILWAY_PRIVATE_DOMAIN"
OF_NAME = (SERVICE_NAME, PRIVATE_NAME)
PROJECT_NAME, ENVIRONMENT_NAME = "RAILWAY_PROJECT_NAME", "RAILWAY_ENVIRONMENT_NAME"
OF_DOMAIN = ("RAILWAY_PUBLIC_DOMAIN",)
OF_PROXY = ("RAILWAY_TCP_PROXY_DOMAIN", "RAILWAY_TCP_PROXY_PORT", "RAILWAY_TCP_APPLICATION_PORT")
OF_VOLUME = ("RAILWAY_VOLUME_NAME", "RAILWAY_VOLUME_MOUNT_PATH")
OF_PARTS = frozenset({*OF_DOMAIN, *OF_PROXY, *OF_VOLUME})


@dataclass(frozen=True)
class Addresses:
    """The addresses that Railway has chosen for services, by service id, as far as they were read.

    Attributes:
        tcp_proxies: the existing TCP proxies.
        private_domains: the names in the private network.
    """

    tcp_proxies: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    private_domains: Mapping[str, str] = field(default_factory=dict)


NOT_READ = Addresses()


def provided(snapshot: Snapshot, service_id: str, addresses: Addresses = NOT_READ) -> dict[str, Value]:
    """Return what Railway provides to a service of an environment; some variables need a domain, a proxy or a volume.

    Args:
        snapshot: the environment.
        service_id: which service.
        addresses: the addresses of the environment's services.
    """
    found: dict[str, Value] = {
        **always(),
        "RAILWAY_PROJECT_ID": snapshot.project_id,
        "RAILWAY_ENVIRONMENT_ID": snapshot.environment_id,
        ENVIRONMENT_NAME: snapshot.name,
        "RAILWAY_SERVICE_ID": service_id,
        SERVICE_NAME: snapshot.name_of(service_id),
    }
    if snapshot.project_name:
        found[PROJECT_NAME] = snapshot.project_name
    if service_id in addresses.private_domains:
        found[PRIVATE_NAME] = addresses.private_domains[service_id]
    for part in (_domain, _volume):
        found |= part(snapshot, service_id)
    found |= _proxy(snapshot, service_id, addresses.tcp_proxies.get(service_id))
    if at(snapshot.service(service_id) or {}, ("source", "repo")):
        found |= dict.fromkeys(_OF_A_REPOSITORY, ANYTHING)
    return found


def always() -> dict[str, Value]:
    """Return what Railway provides to every service, including one that does not exist yet."""
    named = ("PROJECT_NAME", "PROJECT_ID", "ENVIRONMENT_NAME", "ENVIRONMENT_ID", "SERVICE_NAME", "SERVICE_ID")
    return {
        **dict.fromkeys((*_EACH_DEPLOYMENT, *_OF_TRACING), ANYTHING),
        **{f"RAILWAY_{name}": SOMETHING for name in named},
        PRIVATE_NAME: PRIVATE_DOMAIN,
    }


def renamed(values: Mapping[str, Value], was: str, name: str) -> dict[str, Value]:
    """Return what Railway provides to a service after a rename: a domain made from the old name changes with it.

    Args:
        values: what it provides now.
        was: the old name; empty for a new service.
        name: the new one.
    """
    domain = values.get(PRIVATE_NAME, PRIVATE_DOMAIN)
    follows = not was or domain == _domain_of(was)
    return {**values, SERVICE_NAME: name, PRIVATE_NAME: _domain_of(name) if follows else domain}


def _domain_of(service: str) -> str:
    """Return the private domain that Railway makes of a service's name (fact: private-domain)."""
    return f"{re.sub(r'[^a-z0-9-]+', '-', service.lower())}.railway.internal"


def _domain(snapshot: Snapshot, service_id: str) -> dict[str, Value]:
    rows = [row for kind in ("serviceDomains", "customDomains") for row in snapshot.domains(service_id, kind)]
    # Which of several Railway uses is not documented.
    return dict.fromkeys(OF_DOMAIN, _one_of(rows, "domain", SOMETHING)) if rows else {}


def _volume(snapshot: Snapshot, service_id: str) -> dict[str, Value]:
    rows = [row for row in snapshot.volume_instances if row.get("serviceId") == service_id]
    if not rows:
        return {}
    volumes = [snapshot.volumes.get(row["volumeId"]) or {} for row in rows]
    return {
        "RAILWAY_VOLUME_NAME": _one_of(volumes, "name", SOMETHING),
        "RAILWAY_VOLUME_MOUNT_PATH": _one_of(rows, "mountPath", SOMETHING),
    }


def _proxy(snapshot: Snapshot, service_id: str, rows: Sequence[Mapping[str, Any]] | None) -> dict[str, Value]:
    ports = at(snapshot.service(service_id) or {}, ("networking", "tcpProxies")) or {}
    if not ports:
        return {}
    read = rows or []
    return {
        "RAILWAY_TCP_PROXY_DOMAIN": _one_of(read, "domain", SOMETHING),
        "RAILWAY_TCP_PROXY_PORT": _one_of(read, "proxyPort", PORT_NUMBER),
        "RAILWAY_TCP_APPLICATION_PORT": _one_of([{"port": port} for port in ports], "port", PORT_NUMBER),
    }


def _one_of(rows: Iterable[Mapping[str, Any]], key: str, otherwise: Gap) -> Value:
    values = sorted({str(row[key]) for row in rows if row.get(key) not in (None, "")})
    if not values:
        return otherwise
    return values[0] if len(values) == 1 else Gap("|".join(re.escape(value) for value in values))
