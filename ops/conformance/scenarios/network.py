"""Domains and TCP proxies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ops.conformance import documents
from ops.conformance.scenario import Scenario
from railway_api import documents as sent

if TYPE_CHECKING:
    from ops.conformance.sandbox import Sandbox


def _here(sandbox: Sandbox, service_id: str) -> dict[str, str]:
    return {"environmentId": sandbox.environment_id, "serviceId": service_id}


def _domains(sandbox: Sandbox, service_id: str, kind: str = "serviceDomains") -> list[Any]:
    found = sandbox.ask(documents.DOMAINS, projectId=sandbox.project_id, **_here(sandbox, service_id))["domains"]
    return list(found[kind])


def _made(sandbox: Sandbox, name: str, **more: Any) -> tuple[str, Any]:
    id_ = sandbox.service(name)
    domain = sandbox.ask(sent.SERVICE_DOMAIN_CREATE, input={**_here(sandbox, id_), **more})["serviceDomainCreate"]
    sandbox.lately(lambda: len(_domains(sandbox, id_)), 1)
    return id_, domain


def _second(sandbox: Sandbox) -> bool:
    id_, _ = _made(sandbox, "one-domain")
    return sandbox.refused(sent.SERVICE_DOMAIN_CREATE, input=_here(sandbox, id_)) != "accepted"


def _zero(sandbox: Sandbox) -> list[Any]:
    id_, domain = _made(sandbox, "zero-port", targetPort=0)
    given = {"serviceDomainId": domain["id"], "domain": domain["domain"], "targetPort": 0, **_here(sandbox, id_)}
    return [domain["targetPort"], sandbox.refused(sent.SERVICE_DOMAIN_UPDATE, input=given)]


def _renamed(sandbox: Sandbox) -> list[Any]:
    id_, domain = _made(sandbox, "renamed-domain")
    label, _, suffix = str(domain["domain"]).partition(".")
    other = f"{label[:40]}-{sandbox.project_id[:6]}.{suffix}"
    given = {"serviceDomainId": domain["id"], "domain": other, "targetPort": 3000, **_here(sandbox, id_)}
    sandbox.ask(sent.SERVICE_DOMAIN_UPDATE, input=given)

    def found() -> list[Any]:
        rows = _domains(sandbox, id_)
        return [[row["domain"] == other for row in rows], [row["targetPort"] for row in rows]]

    seen = sandbox.lately(found, [[True], [3000]])
    sandbox.ask(sent.SERVICE_DOMAIN_DELETE, id=domain["id"])
    return [*seen, len(sandbox.lately(lambda: _domains(sandbox, id_), []))]


def _custom(sandbox: Sandbox) -> list[Any]:
    id_ = sandbox.service("custom-domain")
    name = f"c{sandbox.project_id[:8]}.example.com"
    given = {"projectId": sandbox.project_id, "domain": name, **_here(sandbox, id_)}
    made = sandbox.ask(sent.CUSTOM_DOMAIN_CREATE, input=given)["customDomainCreate"]
    sandbox.lately(lambda: len(_domains(sandbox, id_, "customDomains")), 1)
    status = sandbox.ask(documents.CUSTOM_DOMAIN, id=made["id"], projectId=sandbox.project_id)["customDomain"]["status"]
    port = {"id": made["id"], "environmentId": sandbox.environment_id, "targetPort": 8080}
    sandbox.ask(sent.CUSTOM_DOMAIN_UPDATE, **port)
    sandbox.ask(sent.CUSTOM_DOMAIN_DELETE, id=made["id"])
    kinds = {row["recordType"] for row in status["dnsRecords"]}
    verified_by = bool(status["verificationToken"]) or "DNS_RECORD_TYPE_TXT" in kinds
    return [verified_by, len(sandbox.lately(lambda: _domains(sandbox, id_, "customDomains"), []))]


def _proxies(sandbox: Sandbox, service_id: str) -> list[Any]:
    found = sandbox.ask(documents.PROXIES, **_here(sandbox, service_id))["tcpProxies"]
    return [row["applicationPort"] for row in found]


def _by_patch(sandbox: Sandbox) -> list[Any]:
    id_ = sandbox.service("proxy-by-patch")
    sandbox.configure(id_, {"networking": {"tcpProxies": {"5432": {}}}}, skip=True)
    return list(sandbox.lately(lambda: _proxies(sandbox, id_), [5432]))


def _second_proxy(sandbox: Sandbox) -> bool:
    id_ = sandbox.service("proxy-twice")
    given = {**_here(sandbox, id_), "applicationPort": 5432}
    sandbox.ask(documents.PROXY_CREATE, input=given)
    sandbox.lately(lambda: _proxies(sandbox, id_), [5432])
    return sandbox.refused(documents.PROXY_CREATE, input=given) != "accepted"


SCENARIOS = (
    Scenario("second-service-domain", ("one-service-domain",), _second, expected=True),
    Scenario("port-of-zero", ("zero-port",), _zero, [None, "accepted"]),
    Scenario("rename-a-domain", ("domain-rename",), _renamed, [[True], [3000], 0], otherwise=[[False], [3000], 0]),
    Scenario("custom-domain", ("custom-domain-txt",), _custom, [True, 0]),
    Scenario("proxy-by-patch", ("tcp-proxy-patch",), _by_patch, [5432]),
    Scenario("second-proxy-of-a-port", ("one-tcp-proxy-a-port",), _second_proxy, expected=True),
)
