"""Domains and TCP proxies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ops.conformance import documents
from ops.conformance.scenario import Scenario
from railway_api import documents as sent

if TYPE_CHECKING:
    from ops.conformance.sandbox import Sandbox


def _here(stage: Sandbox, service_id: str) -> dict[str, str]:
    return {"environmentId": stage.environment_id, "serviceId": service_id}


def _domains(stage: Sandbox, service_id: str, kind: str = "serviceDomains") -> list[Any]:
    found = stage.ask(documents.DOMAINS, projectId=stage.project_id, **_here(stage, service_id))["domains"]
    return list(found[kind])


def _made(stage: Sandbox, name: str, **more: Any) -> tuple[str, Any]:
    id_ = stage.service(name)
    domain = stage.ask(sent.SERVICE_DOMAIN_CREATE, input={**_here(stage, id_), **more})["serviceDomainCreate"]
    stage.lately(lambda: len(_domains(stage, id_)), 1)
    return id_, domain


def _second(stage: Sandbox) -> bool:
    id_, _ = _made(stage, "one-domain")
    return stage.refused(sent.SERVICE_DOMAIN_CREATE, input=_here(stage, id_)) != "accepted"


def _zero(stage: Sandbox) -> list[Any]:
    id_, domain = _made(stage, "zero-port", targetPort=0)
    given = {"serviceDomainId": domain["id"], "domain": domain["domain"], "targetPort": 0, **_here(stage, id_)}
    return [domain["targetPort"], stage.refused(sent.SERVICE_DOMAIN_UPDATE, input=given)]


def _renamed(stage: Sandbox) -> list[Any]:
    id_, domain = _made(stage, "renamed-domain")
    label, _, suffix = str(domain["domain"]).partition(".")
    other = f"{label[:40]}-{stage.project_id[:6]}.{suffix}"
    given = {"serviceDomainId": domain["id"], "domain": other, "targetPort": 3000, **_here(stage, id_)}
    stage.ask(sent.SERVICE_DOMAIN_UPDATE, input=given)

    def found() -> list[Any]:
        rows = _domains(stage, id_)
        return [[row["domain"] == other for row in rows], [row["targetPort"] for row in rows]]

    seen = stage.lately(found, [[True], [3000]])
    stage.ask(sent.SERVICE_DOMAIN_DELETE, id=domain["id"])
    return [*seen, len(stage.lately(lambda: _domains(stage, id_), []))]


def _custom(stage: Sandbox) -> list[Any]:
    id_ = stage.service("custom-domain")
    name = f"c{stage.project_id[:8]}.example.com"
    given = {"projectId": stage.project_id, "domain": name, **_here(stage, id_)}
    made = stage.ask(sent.CUSTOM_DOMAIN_CREATE, input=given)["customDomainCreate"]
    stage.lately(lambda: len(_domains(stage, id_, "customDomains")), 1)
    status = stage.ask(documents.CUSTOM_DOMAIN, id=made["id"], projectId=stage.project_id)["customDomain"]["status"]
    port = {"id": made["id"], "environmentId": stage.environment_id, "targetPort": 8080}
    stage.ask(sent.CUSTOM_DOMAIN_UPDATE, **port)
    stage.ask(sent.CUSTOM_DOMAIN_DELETE, id=made["id"])
    kinds = {row["recordType"] for row in status["dnsRecords"]}
    verified_by = bool(status["verificationToken"]) or "DNS_RECORD_TYPE_TXT" in kinds
    return [verified_by, len(stage.lately(lambda: _domains(stage, id_, "customDomains"), []))]


def _proxies(stage: Sandbox, service_id: str) -> list[Any]:
    found = stage.ask(documents.PROXIES, **_here(stage, service_id))["tcpProxies"]
    return [row["applicationPort"] for row in found]


def _by_patch(stage: Sandbox) -> list[Any]:
    id_ = stage.service("proxy-by-patch")
    stage.configure(id_, {"networking": {"tcpProxies": {"5432": {}}}}, skip=True)
    return list(stage.lately(lambda: _proxies(stage, id_), [5432]))


def _second_proxy(stage: Sandbox) -> bool:
    id_ = stage.service("proxy-twice")
    given = {**_here(stage, id_), "applicationPort": 5432}
    stage.ask(documents.PROXY_CREATE, input=given)
    stage.lately(lambda: _proxies(stage, id_), [5432])
    return stage.refused(documents.PROXY_CREATE, input=given) != "accepted"


SCENARIOS = (
    Scenario("second-service-domain", ("one-service-domain",), _second, expected=True),
    Scenario("port-of-zero", ("zero-port",), _zero, [None, "accepted"]),
    Scenario("rename-a-domain", ("domain-rename",), _renamed, [[True], [3000], 0], otherwise=[[False], [3000], 0]),
    Scenario("custom-domain", ("custom-domain-txt",), _custom, [True, 0]),
    Scenario("proxy-by-patch", ("tcp-proxy-patch",), _by_patch, [5432]),
    Scenario("second-proxy-of-a-port", ("one-tcp-proxy-a-port",), _second_proxy, expected=True),
)
