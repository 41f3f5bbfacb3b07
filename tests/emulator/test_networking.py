"""Service domains, custom domains, TCP proxies."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.emulator.fix_emulator import EmulatorError
from tests.emulator.world import World

CREATE = """mutation d($i: ServiceDomainCreateInput!) {
  serviceDomainCreate(input: $i) { id domain suffix targetPort syncStatus environmentId serviceId } }"""
UPDATE = "mutation d($i: ServiceDomainUpdateInput!) { serviceDomainUpdate(input: $i) }"
DELETE = "mutation d($id: String!) { serviceDomainDelete(id: $id) }"
DOMAINS = """query d($p: String!, $e: String!, $s: String!) { domains(projectId: $p, environmentId: $e, serviceId: $s) {
  serviceDomains { id domain suffix targetPort syncStatus deletedAt }
  customDomains { id domain targetPort } } }"""
CUSTOM = """mutation c($i: CustomDomainCreateInput!) { customDomainCreate(input: $i) { id domain targetPort status {
  verified verificationDnsHost verificationToken certificateStatus
  dnsRecords { hostlabel fqdn zone recordType requiredValue currentValue status purpose } } } }"""
PROXIES = """query t($e: String!, $s: String!) { tcpProxies(environmentId: $e, serviceId: $s) {
  id domain proxyPort applicationPort syncStatus } }"""
CREATE_PROXY = """mutation t($i: TCPProxyCreateInput!) {
  tcpProxyCreate(input: $i) { id domain proxyPort applicationPort } }"""


def here(world: World, service: str, **more: Any) -> dict[str, Any]:
    return {"environmentId": world.environment_id, "serviceId": service, **more}


def domains(world: World, service: str) -> dict[str, Any]:
    found: dict[str, Any] = world.run(DOMAINS, p=world.project_id, e=world.environment_id, s=service)["domains"]
    return found


def proxies(world: World, service: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.run(PROXIES, e=world.environment_id, s=service)["tcpProxies"]
    return found


def test_a_domain_is_generated_and_there_is_one_at_most(world: World) -> None:
    service = world.service("web")
    made = world.run(CREATE, i=here(world, service))["serviceDomainCreate"]
    assert made["domain"].startswith("web-production")
    assert made["domain"].endswith("." + made["suffix"])
    assert len(made["domain"].split(".")[0]) <= 63
    with pytest.raises(EmulatorError, match="already"):
        world.run(CREATE, i=here(world, service))
    assert [row["id"] for row in domains(world, service)["serviceDomains"]] == [made["id"]]
    assert made["domain"] in world.service_config(service)["networking"]["serviceDomains"]


def test_a_domain_is_renamed_ported_and_removed(world: World) -> None:
    service = world.service("web")
    made = world.run(CREATE, i=here(world, service))["serviceDomainCreate"]
    wanted = f"chosen-{uuid.uuid4().hex[:8]}.{made['suffix']}"
    given = here(world, service, serviceDomainId=made["id"], domain=wanted, targetPort=9000)
    assert world.run(UPDATE, i=given)["serviceDomainUpdate"] is True
    (row,) = domains(world, service)["serviceDomains"]
    assert (row["domain"], row["targetPort"]) == (wanted, 9000)
    free = "query a($d: String!) { serviceDomainAvailable(domain: $d) { available message } }"
    assert world.run(free, d=wanted)["serviceDomainAvailable"]["available"] is False
    assert world.run(DELETE, id=made["id"])["serviceDomainDelete"] is True
    assert world.run(free, d=wanted)["serviceDomainAvailable"]["available"] is True
    assert domains(world, service)["serviceDomains"] == []
    with pytest.raises(EmulatorError, match="not found|Not Authorized"):
        world.run(DELETE, id=made["id"])


@pytest.mark.parametrize("name", ["no spaces.SUFFIX", "-x.SUFFIX", "x.example.com", "", "x"])
def test_a_domain_that_is_none_is_refused(world: World, name: str) -> None:
    service = world.service("web")
    made = world.run(CREATE, i=here(world, service))["serviceDomainCreate"]
    given = here(world, service, serviceDomainId=made["id"], domain=name.replace("SUFFIX", made["suffix"]))
    with pytest.raises(EmulatorError, match="is not a valid domain|Invalid"):
        world.run(UPDATE, i=given)


def test_a_domain_of_another_service_is_taken(world: World) -> None:
    first = world.run(CREATE, i=here(world, world.service("a")))["serviceDomainCreate"]
    service = world.service("b")
    second = world.run(CREATE, i=here(world, service))["serviceDomainCreate"]
    given = here(world, service, serviceDomainId=second["id"], domain=first["domain"])
    with pytest.raises(EmulatorError, match="already|not available|taken"):
        world.run(UPDATE, i=given)


def test_a_patch_makes_ports_and_removes_a_domain(world: World) -> None:
    service = world.service("web")
    world.commit_service(service, {"networking": {"serviceDomains": {str(uuid.uuid4()): {}}}})
    (row,) = domains(world, service)["serviceDomains"]
    assert row["targetPort"] is None
    world.commit_service(service, {"networking": {"serviceDomains": {row["domain"]: {"port": 3000}}}})
    (again,) = domains(world, service)["serviceDomains"]
    assert (again["id"], again["targetPort"]) == (row["id"], 3000)
    world.commit_service(service, {"networking": {"serviceDomains": {row["domain"]: None}}})
    assert domains(world, service)["serviceDomains"] == []


def test_a_custom_domain_tells_the_records_to_set(world: World) -> None:
    service = world.service("web")
    name = f"app-{uuid.uuid4().hex[:8]}.example.com"
    given = {"projectId": world.project_id, "domain": name, "targetPort": 8080}
    made = world.run(CUSTOM, i=here(world, service, **given))["customDomainCreate"]
    (record,) = [row for row in made["status"]["dnsRecords"] if row["recordType"] == "DNS_RECORD_TYPE_CNAME"]
    assert record["fqdn"] == name
    assert record["zone"] == "example.com"
    assert record["hostlabel"] == name.split(".")[0]
    assert record["requiredValue"]
    assert made["status"]["verified"] is False
    assert made["status"]["verificationDnsHost"].startswith("_railway-verify")
    assert made["status"]["verificationToken"].startswith("railway-verify=")
    assert [row["domain"] for row in domains(world, service)["customDomains"]] == [name]
    with pytest.raises(EmulatorError, match="already"):
        world.run(CUSTOM, i=here(world, world.service("other"), **given))
    found = world.run(
        "query c($id: String!, $p: String!) { customDomain(id: $id, projectId: $p) { domain targetPort } }",
        id=made["id"],
        p=world.project_id,
    )["customDomain"]
    assert found == {"domain": name, "targetPort": 8080}
    world.run(
        "mutation c($id: String!, $e: String!) { customDomainUpdate(id: $id, environmentId: $e, targetPort: 81) }",
        id=made["id"],
        e=world.environment_id,
    )
    assert domains(world, service)["customDomains"][0]["targetPort"] == 81
    delete = "mutation c($id: String!) { customDomainDelete(id: $id) }"
    assert world.run(delete, id=made["id"])["customDomainDelete"] is True
    assert domains(world, service)["customDomains"] == []


@pytest.mark.parametrize("name", ["", "nodot", "http://x.example.com", "x..example.com", "x_y.example.com/path"])
def test_a_custom_domain_that_is_none_is_refused(world: World, name: str) -> None:
    service = world.service("web")
    with pytest.raises(EmulatorError, match="is not a valid domain"):
        world.run(CUSTOM, i=here(world, service, projectId=world.project_id, domain=name))


def test_a_tcp_proxy_has_a_port_of_its_own_and_there_is_one_at_most(world: World) -> None:
    service = world.service("db")
    made = world.run(CREATE_PROXY, i=here(world, service, applicationPort=5432))["tcpProxyCreate"]
    assert made["applicationPort"] == 5432
    assert 0 < made["proxyPort"] < 65536
    with pytest.raises(EmulatorError, match="already"):
        world.run(CREATE_PROXY, i=here(world, service, applicationPort=5432))
    assert world.run(
        """query v($p: String!, $e: String!, $s: String) {
          variables(projectId: $p, environmentId: $e, serviceId: $s) }""",
        p=world.project_id,
        e=world.environment_id,
        s=service,
    )["variables"]["RAILWAY_TCP_PROXY_PORT"] == str(made["proxyPort"])
    assert world.run("mutation d($id: String!) { tcpProxyDelete(id: $id) }", id=made["id"])["tcpProxyDelete"] is True
    assert proxies(world, service) == []


def test_a_patch_makes_and_removes_a_tcp_proxy(world: World) -> None:
    service = world.service("db")
    world.commit_service(service, {"networking": {"tcpProxies": {"5432": {}}}})
    (row,) = proxies(world, service)
    assert row["applicationPort"] == 5432
    world.commit_service(service, {"networking": {"tcpProxies": {"5432": {}}}})
    assert proxies(world, service) == [row]
    assert "5432" in world.service_config(service)["networking"]["tcpProxies"]
    world.commit_service(service, {"networking": {"tcpProxies": {"5432": None}}})
    assert proxies(world, service) == []


def test_a_domain_with_port_0_has_none_and_a_proxy_needs_one(world: World) -> None:
    service = world.service("db")
    assert world.run(CREATE, i=here(world, service, targetPort=0))["serviceDomainCreate"]["targetPort"] is None
    with pytest.raises(EmulatorError, match="(?i)invalid"):
        world.run(CREATE_PROXY, i=here(world, service, applicationPort=0))


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none_is_refused(world: World, port: int) -> None:
    service = world.service("db")
    with pytest.raises(EmulatorError, match="(?i)invalid"):
        world.run(CREATE_PROXY, i=here(world, service, applicationPort=port))
    with pytest.raises(EmulatorError, match="(?i)invalid"):
        world.run(CREATE, i=here(world, service, targetPort=port))
