"""The resolvers of service domains, custom domains and TCP proxies."""

from __future__ import annotations

from typing import Any

from ariadne import MutationType, QueryType

from emulator.api.apply import store_patch
from emulator.api.request import Info, Request, request_of
from emulator.api.sync import DOMAIN, SUFFIX, domains_of, new_domain, rows
from emulator.api.views import View
from emulator.errors import Refusal
from emulator.patch_rules import is_port
from emulator.store import Document, now

query = QueryType()
mutation = MutationType()


@query.field("domains")
def domains(_: object, info: Info, environmentId: str, projectId: str, serviceId: str) -> View:
    """Return the domains of a service instance."""
    request = request_of(info)
    request.instance(environmentId, serviceId)
    return domains_of(request, environmentId, serviceId)


@query.field("serviceDomainAvailable")
@query.field("customDomainAvailable")
def domain_available(_: object, info: Info, domain: str) -> View:
    """Tell whether a domain is free."""
    store = request_of(info).store
    taken = any(store.all(kind, lambda row: row["domain"] == domain) for kind in ("domain", "custom_domain"))
    return {"available": not taken, "message": "Domain is not available" if taken else "Domain is available"}


def _checked_port(port: int | None) -> int | None:
    """Return a port; None for 0, which Go clients send if no port is set (fact: zero-port)."""
    if port and not is_port(port):
        raise Refusal("Invalid port")
    return port or None


def _store(request: Request, environment: Document, service_id: str, kind: str, entries: Document) -> None:
    """Write entries into the config as a patch would, so that mutations and patches have the same effect."""
    store_patch(request, environment, {"services": {service_id: {"networking": {kind: entries}}}})


@mutation.field("serviceDomainCreate")
def service_domain_create(_: object, info: Info, input: Document) -> View:
    """Create the Railway domain of a service instance, which can have only one."""
    request = request_of(info)
    environment, _config = request.instance(input["environmentId"], input["serviceId"])
    port = _checked_port(input.get("targetPort"))
    if rows(request, "domain", environment["id"], input["serviceId"]):
        # A service instance has one domain at most (fact: one-service-domain).
        raise Refusal("A service domain already exists for this service")
    id_, made = new_domain(request, environment, input["serviceId"], "")
    request.store.put("domain", id_, made)
    entry = {"port": port} if port is not None else {}
    _store(request, environment, input["serviceId"], "serviceDomains", {made["domain"]: entry})
    return made


@mutation.field("serviceDomainUpdate")
def service_domain_update(_: object, info: Info, input: Document) -> bool:
    """Rename a Railway domain or change its port (fact: domain-rename)."""
    request = request_of(info)
    found, environment = request.of_environment("domain", input["serviceDomainId"])
    domain, before = input["domain"], found["domain"]
    if not DOMAIN.match(domain) or not domain.endswith(f".{SUFFIX}"):
        raise Refusal(f"{domain} is not a valid domain")
    if request.store.all("domain", lambda row: row["domain"] == domain and row["id"] != found["id"]):
        raise Refusal("Domain already exists")
    port = _checked_port(input.get("targetPort")) or found["targetPort"]
    if domain != before and request.world.settings.decides("domain_rename") == "ignored":
        domain = before
    found.update(domain=domain, updatedAt=now())
    request.store.put("domain", found["id"], found)
    entries = {**({before: None} if before != domain else {}), domain: {"port": port} if port else {}}
    _store(request, environment, found["serviceId"], "serviceDomains", entries)
    return True


@query.field("customDomain")
def custom_domain(_: object, info: Info, id: str, projectId: str) -> View:
    """Return a custom domain."""
    return request_of(info).of_environment("custom_domain", id)[0]


@mutation.field("customDomainCreate")
def custom_domain_create(_: object, info: Info, input: Document) -> View:
    """Attach a custom domain, which the emulator never verifies."""
    request = request_of(info)
    environment, _config = request.instance(input["environmentId"], input["serviceId"])
    domain, port = input["domain"], _checked_port(input.get("targetPort"))
    if not DOMAIN.match(domain):
        raise Refusal(f"{domain} is not a valid domain")
    if request.store.all("custom_domain", lambda row: row["domain"] == domain):
        raise Refusal("Domain already exists")
    entry = {"port": port} if port is not None else {}
    _store(request, environment, input["serviceId"], "customDomains", {domain: entry})
    (made,) = [row for row in rows(request, "custom_domain", environment["id"]) if row["domain"] == domain]
    return made


@mutation.field("customDomainUpdate")
def custom_domain_update(_: object, info: Info, id: str, environmentId: str, targetPort: int | None = None) -> bool:
    """Change a custom domain's port."""
    request = request_of(info)
    found, environment = request.of_environment("custom_domain", id)
    entries = {found["domain"]: {"port": _checked_port(targetPort)}}
    _store(request, environment, found["serviceId"], "customDomains", entries)
    return True


@query.field("tcpProxies")
def tcp_proxies(_: object, info: Info, environmentId: str, serviceId: str) -> list[Any]:
    """Return the TCP proxies of a service instance."""
    request = request_of(info)
    request.instance(environmentId, serviceId)
    return rows(request, "tcp_proxy", environmentId, serviceId)


@mutation.field("tcpProxyCreate")
def tcp_proxy_create(_: object, info: Info, input: Document) -> View:
    """Create a TCP proxy."""
    request = request_of(info)
    environment, config = request.instance(input["environmentId"], input["serviceId"])
    if not is_port(input["applicationPort"]):
        raise Refusal("Invalid port")
    port = str(input["applicationPort"])
    if port in config.get("networking", {}).get("tcpProxies", {}):
        # Railway's message is not known (fact: one-tcp-proxy-a-port).
        raise Refusal("A TCP proxy already exists for this service")
    _store(request, environment, input["serviceId"], "tcpProxies", {port: {}})
    return rows(request, "tcp_proxy", environment["id"], input["serviceId"])[-1]


_DELETED = {
    "serviceDomainDelete": ("domain", "serviceDomains", "domain"),
    "customDomainDelete": ("custom_domain", "customDomains", "domain"),
    "tcpProxyDelete": ("tcp_proxy", "tcpProxies", "applicationPort"),
}
"""By mutation: the kind of document that it deletes, the part of the config, and the field that is the key in it."""


@mutation.field("serviceDomainDelete")
@mutation.field("customDomainDelete")
@mutation.field("tcpProxyDelete")
def delete(_: object, info: Info, id: str) -> bool:
    """Delete a domain or a TCP proxy."""
    request = request_of(info)
    kind, part, key = _DELETED[info.field_name]
    found, environment = request.of_environment(kind, id)
    _store(request, environment, found["serviceId"], part, {str(found[key]): None})
    return True
