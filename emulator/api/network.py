"""Service domains, custom domains and TCP proxies."""

from __future__ import annotations

import re
import secrets
from typing import Any

from ariadne import MutationType, QueryType

from emulator.api.apply import apply_patch
from emulator.api.request import Info, Request, request_of
from emulator.api.views import View, domains_of
from emulator.errors import Refusal, not_authorized, not_found
from emulator.store import Document, new_id, now

SUFFIX = "up.railway.app"
_DOMAIN = re.compile(r"^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$")
_LONGEST_LABEL = 63
query = QueryType()
mutation = MutationType()


def _instance(request: Request, environment_id: str, service_id: str) -> Document:
    environment = request.environment(environment_id)
    if service_id not in environment["config"].get("services", {}):
        raise not_found("ServiceInstance")
    return environment


@query.field("domains")
def domains(_: object, info: Info, environmentId: str, projectId: str, serviceId: str) -> View:
    """Return the domains of a service instance."""
    request = request_of(info)
    _instance(request, environmentId, serviceId)
    return domains_of(request, environmentId, serviceId)


@query.field("serviceDomainAvailable")
@query.field("customDomainAvailable")
def domain_available(_: object, info: Info, domain: str) -> View:
    """Tell whether a domain is free."""
    store = request_of(info).store
    taken = any(store.all(kind, lambda row: row["domain"] == domain) for kind in ("domain", "custom_domain"))
    return {"available": not taken, "message": "Domain is not available" if taken else "Domain is available"}


@mutation.field("serviceDomainCreate")
def service_domain_create(_: object, info: Info, input: Document) -> View:
    """Give a service instance its one Railway domain."""
    request = request_of(info)
    environment = _instance(request, input["environmentId"], input["serviceId"])
    service = request.service(input["serviceId"])
    if domains_of(request, environment["id"], service["id"])["serviceDomains"]:
        raise Refusal("A service domain already exists for this service")
    label = f"{service['name']}-{environment['name']}"[: _LONGEST_LABEL - 5] + f"-{secrets.token_hex(2)}"
    made = {
        "id": new_id(),
        "environmentId": environment["id"],
        "serviceId": service["id"],
        "projectId": environment["projectId"],
        "domain": f"{label}.{SUFFIX}",
        "suffix": SUFFIX,
        "targetPort": input.get("targetPort"),
        "syncStatus": "ACTIVE",
        "createdAt": now(),
        "updatedAt": now(),
        "deletedAt": None,
    }
    request.store.put("domain", made["id"], made)
    return made


@mutation.field("serviceDomainUpdate")
def service_domain_update(_: object, info: Info, input: Document) -> bool:
    """Rename a Railway domain or change its port."""
    request = request_of(info)
    found = _mine(request, "domain", input["serviceDomainId"])
    if not _DOMAIN.match(input["domain"]):
        raise Refusal(f"{input['domain']} is not a valid domain")
    if request.store.all("domain", lambda row: row["domain"] == input["domain"] and row["id"] != found["id"]):
        raise Refusal("Domain already exists")
    found.update(domain=input["domain"], targetPort=input.get("targetPort") or found["targetPort"], updatedAt=now())
    request.store.put("domain", found["id"], found)
    return True


@mutation.field("serviceDomainDelete")
def service_domain_delete(_: object, info: Info, id: str) -> bool:
    """Take a Railway domain away."""
    request = request_of(info)
    request.store.delete("domain", _mine(request, "domain", id)["id"])
    return True


def _mine(request: Request, kind: str, id_: str) -> Document:
    found = request.store.get(kind, id_)
    if found is None:
        raise not_authorized()
    request.environment(found["environmentId"])
    return found


@query.field("customDomain")
def custom_domain(_: object, info: Info, id: str, projectId: str) -> View:
    """Return a custom domain."""
    return _mine(request_of(info), "custom_domain", id)


@mutation.field("customDomainCreate")
def custom_domain_create(_: object, info: Info, input: Document) -> View:
    """Attach a domain; it is never verified here, since nobody sets DNS for an emulator."""
    request = request_of(info)
    environment = _instance(request, input["environmentId"], input["serviceId"])
    domain = input["domain"]
    if not _DOMAIN.match(domain):
        raise Refusal(f"{domain} is not a valid domain")
    if request.store.all("custom_domain", lambda row: row["domain"] == domain):
        raise Refusal("Domain already exists")
    id_ = new_id()
    made = {
        "id": id_,
        "environmentId": environment["id"],
        "serviceId": input["serviceId"],
        "projectId": environment["projectId"],
        "domain": domain,
        "targetPort": input.get("targetPort"),
        "syncStatus": "ACTIVE",
        "createdAt": now(),
        "updatedAt": now(),
        "deletedAt": None,
        "status": _unverified(domain, id_),
    }
    request.store.put("custom_domain", id_, made)
    return made


def _unverified(domain: str, id_: str) -> Document:
    label, _, zone = domain.partition(".")
    return {
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
            }
        ],
    }


@mutation.field("customDomainUpdate")
def custom_domain_update(_: object, info: Info, id: str, environmentId: str, targetPort: int | None = None) -> bool:
    """Change a custom domain's port."""
    request = request_of(info)
    found = _mine(request, "custom_domain", id)
    found.update(targetPort=targetPort, updatedAt=now())
    request.store.put("custom_domain", id, found)
    return True


@mutation.field("customDomainDelete")
def custom_domain_delete(_: object, info: Info, id: str) -> bool:
    """Detach a custom domain."""
    request = request_of(info)
    request.store.delete("custom_domain", _mine(request, "custom_domain", id)["id"])
    return True


@query.field("tcpProxies")
def tcp_proxies(_: object, info: Info, environmentId: str, serviceId: str) -> list[Any]:
    """Return the TCP proxies of a service instance."""
    request = request_of(info)
    _instance(request, environmentId, serviceId)
    return request.store.all(
        "tcp_proxy", lambda row: row["environmentId"] == environmentId and row["serviceId"] == serviceId
    )


@mutation.field("tcpProxyCreate")
def tcp_proxy_create(_: object, info: Info, input: Document) -> View:
    """Make a TCP proxy, through the config as a patch does."""
    request = request_of(info)
    environment = _instance(request, input["environmentId"], input["serviceId"])
    port = str(input["applicationPort"])
    networking = environment["config"]["services"][input["serviceId"]].get("networking", {})
    if port in networking.get("tcpProxies", {}):
        raise Refusal("A TCP proxy already exists for this service")
    patch: Document = {"services": {input["serviceId"]: {"networking": {"tcpProxies": {port: {}}}}}}
    apply_patch(request, environment, patch, "TCP proxy created")
    found: Document = tcp_proxies(_, info, environment["id"], input["serviceId"])[-1]
    return found


@mutation.field("tcpProxyDelete")
def tcp_proxy_delete(_: object, info: Info, id: str) -> bool:
    """Take a TCP proxy away."""
    request = request_of(info)
    found = _mine(request, "tcp_proxy", id)
    patch: Document = {
        "services": {found["serviceId"]: {"networking": {"tcpProxies": {str(found["applicationPort"]): None}}}}
    }
    apply_patch(request, request.environment(found["environmentId"]), patch, "TCP proxy deleted")
    return True
