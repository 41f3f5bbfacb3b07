"""Keeps domains, TCP proxies and volume instances, which have documents of their own, in step with the config."""

from __future__ import annotations

import re
import secrets
import uuid
from typing import TYPE_CHECKING, Any

from emulator.errors import Refusal
from emulator.free_port import free_port
from emulator.store import Document, born

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.api.request import Request

SUFFIX = "up.railway.app"
DOMAIN = re.compile(r"^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$")
_LONGEST_LABEL = 63
_NAMESPACE = uuid.UUID("9f0c3c1e-3d0e-4f7a-9a55-0c8f0d1f7c11")


def follow_config(request: Request, environment: Document) -> None:
    """Create, change and delete domains, proxies and volume instances so that they match an environment's config.

    Afterwards, the config names each service domain by the domain itself.
    """
    _follow_domains(request, environment)
    _follow_custom_domains(request, environment)
    _follow_proxies(request, environment)
    _follow_volumes(request, environment)


def with_known_keys(request: Request, environment: Document, patch: Document) -> Document:
    """Return a patch that names existing service domains by the domain, not by their id or their first key."""
    known = {
        key: row["domain"]
        for row in rows(request, "domain", environment["id"])
        for key in (row["id"], row.get("key"))
        if key
    }
    for service in (patch.get("services") or {}).values():
        domains = ((service or {}).get("networking") or {}).get("serviceDomains")
        if domains:
            service["networking"]["serviceDomains"] = {known.get(key, key): entry for key, entry in domains.items()}
    return patch


def rows(request: Request, kind: str, environment_id: str, service_id: str | None = None) -> list[Document]:
    """Return an environment's domains, proxies or volume instances that are not deleted, of one service or of all."""
    return request.store.all(
        kind,
        lambda row: (
            row["environmentId"] == environment_id
            and not row.get("deletedAt")
            and (service_id is None or row["serviceId"] == service_id)
        ),
    )


def domains_of(request: Request, environment_id: str, service_id: str) -> Document:
    """Return AllDomains of a service instance."""
    kinds = {"serviceDomains": "domain", "customDomains": "custom_domain"}
    return {field: rows(request, kind, environment_id, service_id) for field, kind in kinds.items()}


def _configured(environment: Document, kind: str) -> Iterator[tuple[str, Document]]:
    for service_id, service in environment["config"].get("services", {}).items():
        entries = service.get("networking", {}).get(kind)
        if entries:
            yield service_id, entries


def _drop_others(request: Request, kind: str, environment: Document, wanted: set[str]) -> None:
    """Delete the documents of a kind that the environment's config no longer names."""
    for row in rows(request, kind, environment["id"]):
        if row["id"] not in wanted:
            request.store.delete(kind, row["id"])


def _follow_domains(request: Request, environment: Document) -> None:
    wanted = set()
    for service_id, entries in _configured(environment, "serviceDomains"):
        for key in list(entries):
            row = _domain_of(request, environment, service_id, key)
            entry = entries.pop(key) or {}
            entries[row["domain"]] = entry
            row["targetPort"] = entry.get("port")
            request.store.put("domain", row["id"], row)
            wanted.add(row["id"])
    _drop_others(request, "domain", environment, wanted)


def _domain_of(request: Request, environment: Document, service_id: str, key: str) -> Document:
    for row in rows(request, "domain", environment["id"], service_id):
        if key in (row["domain"], row["id"], row.get("key")):
            return row
    # A copied config names the other environment's domain; this environment gets a new one.
    is_taken = bool(request.store.all("domain", lambda row: row["domain"] == key))
    chosen = key if DOMAIN.match(key) and key.endswith(f".{SUFFIX}") and not is_taken else ""
    return request.store.put("domain", *new_domain(request, environment, service_id, chosen, key=key))


def new_domain(
    request: Request, environment: Document, service_id: str, domain: str, *, key: str = ""
) -> tuple[str, Document]:
    """Return id and document of a new service domain; if `domain` is empty, its name is generated."""
    service = request.store.get("service", service_id) or {"name": "service"}
    label = re.sub(r"[^a-z0-9-]+", "-", f"{service['name']}-{environment['name']}".lower()).strip("-")
    made = {
        **born(),
        "key": key,
        "environmentId": environment["id"],
        "serviceId": service_id,
        "projectId": environment["projectId"],
        "domain": domain or f"{label[: _LONGEST_LABEL - 5]}-{secrets.token_hex(2)}.{SUFFIX}",
        "suffix": SUFFIX,
        "targetPort": None,
        "syncStatus": "ACTIVE",
    }
    return made["id"], made


def _follow_custom_domains(request: Request, environment: Document) -> None:
    wanted = set()
    for service_id, entries in _configured(environment, "customDomains"):
        for domain, entry in entries.items():
            known = [row for row in rows(request, "custom_domain", environment["id"]) if row["domain"] == domain]
            row = known[0] if known else new_custom_domain(environment, service_id, domain)
            row["targetPort"] = (entry or {}).get("port")
            request.store.put("custom_domain", row["id"], row)
            wanted.add(row["id"])
    _drop_others(request, "custom_domain", environment, wanted)


def new_custom_domain(environment: Document, service_id: str, domain: str) -> Document:
    """Return a custom domain that waits for its DNS records, which never come for an emulator."""
    # The records stay the same when the same domain is attached to the same environment again.
    id_ = str(uuid.uuid5(_NAMESPACE, f"{environment['id']}/{service_id}/{domain}"))
    label, _, zone = domain.partition(".")
    return {
        **born(id_),
        "environmentId": environment["id"],
        "serviceId": service_id,
        "projectId": environment["projectId"],
        "domain": domain,
        "targetPort": None,
        "syncStatus": "ACTIVE",
        "status": {
            "certificateStatus": "CERTIFICATE_STATUS_TYPE_VALIDATING_OWNERSHIP",
            "certificateStatusDetailed": None,
            "certificateErrorMessage": None,
            "certificates": None,
            "verified": False,
            "verificationDnsHost": f"_railway-verify.{label}",
            "verificationToken": f"railway-verify={id_[:8]}",
            "dnsRecords": [
                {
                    "fqdn": domain,
                    "hostlabel": label,
                    "zone": zone,
                    "recordType": "DNS_RECORD_TYPE_CNAME",
                    "requiredValue": f"{id_[:8]}.{SUFFIX}",
                    "currentValue": "",
                    "status": "DNS_RECORD_STATUS_REQUIRES_UPDATE",
                    "purpose": "DNS_RECORD_PURPOSE_TRAFFIC_ROUTE",
                },
                # Without this record, the domain answers 404 (fact: custom-domain-txt).
                {
                    "fqdn": f"_railway-verify.{domain}",
                    "hostlabel": f"_railway-verify.{label}",
                    "zone": zone,
                    "recordType": "DNS_RECORD_TYPE_TXT",
                    "requiredValue": f"railway-verify={id_[:8]}",
                    "currentValue": "",
                    "status": "DNS_RECORD_STATUS_REQUIRES_UPDATE",
                    "purpose": "DNS_RECORD_PURPOSE_UNSPECIFIED",
                },
            ],
        },
    }


def _follow_proxies(request: Request, environment: Document) -> None:
    wanted = {(id_, int(port)) for id_, entries in _configured(environment, "tcpProxies") for port in entries}
    known = {
        (row["serviceId"], row["applicationPort"]): row["id"] for row in rows(request, "tcp_proxy", environment["id"])
    }
    _drop_others(request, "tcp_proxy", environment, {id_ for key, id_ in known.items() if key in wanted})
    for service_id, port in sorted(wanted - known.keys()):
        made = {
            **born(),
            "environmentId": environment["id"],
            "serviceId": service_id,
            "applicationPort": port,
            "proxyPort": free_port(),
            "domain": "127.0.0.1",
            "syncStatus": "ACTIVE",
        }
        request.store.put("tcp_proxy", made["id"], made)


def _follow_volumes(request: Request, environment: Document) -> None:
    """Make volume instances match `volumes` and `volumeMounts`; one that neither names any more is only detached."""
    config = environment["config"]
    volumes: dict[str, Any] = config.get("volumes", {})
    mounts = {
        volume_id: (service_id, (mount or {}).get("mountPath"))
        for service_id, service in config.get("services", {}).items()
        for volume_id, mount in (service.get("volumeMounts") or {}).items()
    }
    here = {row["volumeId"]: row for row in rows(request, "volume_instance", environment["id"])}
    for volume_id, given in volumes.items():
        if volume_id not in here:
            here[volume_id] = _adopted_volume(request, environment, volume_id, given or {})
    for volume_id, row in here.items():
        service_id, path = mounts.get(volume_id, (None, None))
        row.update(serviceId=service_id, mountPath=path or row["mountPath"])
        size = (volumes.get(volume_id) or {}).get("sizeMB")
        if size:
            row["sizeMB"] = int(size)
        request.store.put("volume_instance", row["id"], row)


def _adopted_volume(request: Request, environment: Document, volume_id: str, given: Document) -> Document:
    """Create the instance of a volume in an environment, and the volume itself if only the patch has its id."""
    store = request.store
    volume = store.get("volume", volume_id)
    if volume is None:
        name = free_volume_name(request, environment["projectId"], "volume")
        volume = new_volume(request, environment["projectId"], name, id_=volume_id)
    return new_volume_instance(environment, volume, service_id=None, mount_path="/data", region=given.get("region"))


def free_volume_name(request: Request, project_id: str, base: str) -> str:
    """Return the first of `base`, `base-2`, … that is not the name of a volume of the project."""
    taken = volume_names(request, project_id)
    return next(name for name in (base, *(f"{base}-{index}" for index in range(2, 10_000))) if name not in taken)


def volume_names(request: Request, project_id: str) -> dict[str, str]:
    """Return the id of each volume of a project by its name.

    A volume that is pending deletion in every environment no longer has its name (fact: volume-name-taken).
    """
    gone = {
        row["volumeId"]: True for row in request.store.all("volume_instance", lambda row: bool(row.get("deletedAt")))
    }
    gone.update(
        {row["volumeId"]: False for row in request.store.all("volume_instance", lambda row: not row.get("deletedAt"))}
    )
    rows_ = request.store.all("volume", lambda row: row["projectId"] == project_id and not gone.get(row["id"]))
    return {row["name"]: row["id"] for row in rows_}


def new_volume(request: Request, project_id: str, name: str, *, id_: str = "") -> Document:
    """Create a volume of a project; its instances are in environments.

    Raises:
        Refusal: the project has as many volumes as it can have (fact: volumes-per-project).
    """
    limit = request.world.settings.current.volumes_per_project
    if limit and len(volume_names(request, project_id)) >= limit:
        raise Refusal(f"This project has reached its limit of {limit} volumes")
    made: Document = {
        **born(id_),
        "name": name,
        "projectId": project_id,
    }
    return request.store.put("volume", made["id"], made)


def new_volume_instance(
    environment: Document, volume: Document, *, service_id: str | None, mount_path: str, region: str | None
) -> Document:
    """Return a new instance of a volume in an environment, without data."""
    return {
        **born(),
        "volumeId": volume["id"],
        "environmentId": environment["id"],
        "serviceId": service_id,
        "mountPath": mount_path,
        "name": volume["name"],
        "region": region,
        "state": "READY",
    }
