"""A key and a password go only where Railway says at that moment that their service is, never where it once was."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from convos_infra.errors import InfraError
from convos_infra.railway.details import Details
from convos_infra.railway.snapshot import Snapshot
from ops.status import live_stack, reading, services
from ops.status.railway_now import RailwayNow
from ops.status.recorded import Recorded, parsed
from railway_api.client import DEFAULT_ENDPOINT

POOL, DATABASE, KEY = "s-pool", "s-db", "pool-key-S3CRET"
IMAGE = "registry.example/pool:1@sha256:" + "a" * 64
_KIND = "pulumi-python:dynamic/railway:"


def resource(component: str, kind: str, id_: str, **outputs: Any) -> dict[str, Any]:
    urn = f"urn:pulumi:s::convos-infra::convos:index:{component}${_KIND}{kind}::{id_}"
    where = {"projectId": "p", "environmentId": "e"}
    return {"type": f"{_KIND}{kind}", "urn": urn, "id": id_, "outputs": {**where, **outputs}}


def state(url: str = "https://stale.example") -> Recorded:
    outputs = {
        "poolManager": {"url": url, "apiKey": KEY},
        "database": {"url": "postgresql://u:S3CRET@stale.example:1111/railway", "schemaVersion": "0002"},
    }
    rows = [
        {"type": "pulumi:pulumi:Stack", "urn": "u", "outputs": outputs},
        resource("PoolManager", "ServiceInstance", "i-1", serviceId=POOL, service="pool"),
        resource("Database", "ServiceInstance", "i-2", serviceId=DATABASE, service="postgres"),
        resource("Database", "TcpProxy", "t", serviceId=DATABASE, service="postgres", applicationPort=5432.0),
    ]
    return parsed({"deployment": {"resources": rows}})


def instance(service: str, status: str, *, url: str = "", mode: str = "", domains: dict[str, Any] | None = None) -> Any:
    meta = {"image": IMAGE, **({"emulatorMode": mode} if mode else {})}
    deployment = {"id": f"d-{service}", "status": status, "createdAt": "2026-01-01", "meta": meta, "url": url}
    return {"serviceName": service, "latestDeployment": deployment, "domains": domains or {}}


def railway(pool: Any, *, local: bool = False, database: str = "SUCCESS", proxies: Any = None) -> RailwayNow:
    instances = {POOL: pool, DATABASE: instance("postgres", database)}
    stored = {"source": {"image": IMAGE}}
    config = {"services": {POOL: stored, DATABASE: stored}}
    snapshot = Snapshot("e", "p", "dev", True, config, instances, (), {POOL: "pool", DATABASE: "postgres"}, {})
    return RailwayNow("p", "e", snapshot, Details({}, {DATABASE: proxies} if proxies else {}), local)


@contextmanager
def listener(answer: Any) -> Iterator[tuple[str, list[str]]]:
    """Serve one answer on loopback, and note the keys that were sent."""
    sent: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent.append(self.headers.get("Authorization", ""))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", sent
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_pools_key_is_sent_to_where_it_runs_now_and_not_to_the_stale_url_where_another_answers() -> None:
    with listener({"agents": []}) as (here, sent), listener({"agents": []}) as (stale, leaked):
        now = railway(instance("pool", "SUCCESS", url=here, mode="container"), local=True)
        assert live_stack.pool_api(state(stale), now).status() == {"agents": []}
    assert sent == [f"Bearer {KEY}"]
    assert leaked == []


@pytest.mark.parametrize(
    ("pool", "problem"),
    [
        (instance("pool", "CRASHED", url="http://127.0.0.1:1", mode="container"), "as none runs: .* is CRASHED"),
        (instance("pool", "REMOVED", url="http://127.0.0.1:1", mode="container"), "as none runs: .* is REMOVED"),
        (instance("pool", "SUCCESS", mode="container"), "as Railway shows no domain"),
        (instance("pool", "SUCCESS", mode="simulated"), "simulated"),
        (instance("pool", "SUCCESS"), "as Railway shows no domain"),
    ],
)
def test_a_pool_manager_that_does_not_run_or_has_no_place_is_not_asked(pool: Any, problem: str) -> None:
    with listener({"agents": []}) as (stale, leaked), pytest.raises(InfraError, match=problem):
        live_stack.pool_api(state(stale), railway(pool, local=True)).status()
    assert leaked == []


@pytest.mark.parametrize(
    "answer",
    [
        {"agents": 3},
        {"agents": [], "counts": [1]},
        {"agents": [], "counts": {"latest": "many"}},
        {"agents": [], "rollout": 5},
        {"agents": [], "rollout": "aborted"},
        {"agents": [{"state": {}, "image": [], "latest": {}}], "counts": "no"},
    ],
)
def test_an_answer_that_is_no_status_costs_a_row_and_not_the_page(answer: Any) -> None:
    with listener(answer) as (here, _):
        now = railway(instance("pool", "SUCCESS", url=here, mode="container"), local=True)
        with pytest.raises(InfraError, match="pool-manager: its status is not one that this program knows"):
            reading.agents(live_stack.pool_api(state(), now))


def test_on_railway_the_url_is_the_services_domain_of_this_moment_and_always_by_tls() -> None:
    row = {"id": "1", "domain": "now.up.railway.app"}
    custom = {"customDomains": [{"id": "2", "domain": "pool.example"}]}
    gone = {"serviceDomains": [{**row, "domain": "old.up.railway.app", "deletedAt": "2026-01-01"}, row]}
    for domains, url in [(gone, "https://now.up.railway.app"), (custom, "https://pool.example"), ({}, "")]:
        # What Railway says of a deployment's own address is without a scheme, and must not be taken for the service's.
        now = railway(instance("pool", "SUCCESS", url="pool-deployment.up.railway.app", domains=domains))
        assert live_stack.pool_manager(state(), now).url == url


def test_an_address_without_tls_is_taken_of_the_emulator_alone() -> None:
    claimed = instance("pool", "SUCCESS", url="http://attacker.example", mode="container")
    assert live_stack.pool_manager(state(), railway(claimed, local=False)).url == ""
    assert live_stack.pool_manager(state(), railway(claimed, local=True)).url == "http://attacker.example"


PROXY = {"applicationPort": 5432, "domain": "now.example", "proxyPort": 2222}


def test_the_databases_password_is_sent_to_where_its_proxy_is_now() -> None:
    now = railway(instance("pool", "SUCCESS"), proxies=[{**PROXY, "applicationPort": 6543, "proxyPort": 3}, PROXY])
    assert str(reading.database_now(state(), now)) == "now.example:2222/railway"


def test_a_proxy_that_cannot_be_read_is_not_said_to_be_gone() -> None:
    now = railway(instance("pool", "SUCCESS"))
    unread = dataclasses.replace(now, details=Details({}, {}, unread="Not Authorized"))
    with pytest.raises(InfraError, match=r"not asked, as its TCP proxy could not be read \(Not Authorized\)"):
        reading.database_now(state(), unread)


@pytest.mark.parametrize(
    ("now", "problem"),
    [
        (railway(instance("pool", "SUCCESS")), "no TCP proxy"),
        (railway(instance("pool", "SUCCESS"), proxies=[{**PROXY, "applicationPort": 6543}]), "no TCP proxy"),
        (railway(instance("pool", "SUCCESS"), proxies=[PROXY], database="CRASHED"), "as none runs: .* CRASHED"),
        (None, "Railway did not say where it is now"),
    ],
)
def test_a_database_that_railway_shows_no_place_of_is_not_sent_its_password(
    now: RailwayNow | None, problem: str
) -> None:
    with pytest.raises(InfraError, match=problem):
        reading.database_now(state(), now)


def test_a_database_of_ones_own_is_asked_where_the_config_says() -> None:
    found = state()
    own = dataclasses.replace(found, resources=tuple(row for row in found.resources if row.kind != "TcpProxy"))
    assert str(reading.database_now(own, None)) == "stale.example:1111/railway"


def test_a_stack_is_not_looked_for_at_another_railway_than_it_was_deployed_to() -> None:
    local = "http://127.0.0.1:7447/graphql/v2"
    deployed = dataclasses.replace(state(), outputs={"railway": {"endpoint": local}})
    with pytest.raises(InfraError, match="RAILWAY_ENDPOINT: is https://.*, but the last update used http://127"):
        live_stack.client(deployed, {"RAILWAY_API_TOKEN": "t"})
    with pytest.raises(InfraError, match=f"is {local}, but the last update used {DEFAULT_ENDPOINT}"):
        live_stack.client(state(), {"RAILWAY_API_TOKEN": "t", "RAILWAY_ENDPOINT": local})


def test_a_service_shows_what_serves_and_since_when_and_not_what_the_outputs_remember() -> None:
    now = railway(instance("pool", "SUCCESS", domains={"serviceDomains": [{"id": "1", "domain": "d.example"}]}))
    found = {one.name: one.document() for one in services.services(state(), now)}
    assert found["pool"]["image"] == IMAGE
    assert (found["pool"]["status"], found["pool"]["since"]) == ("SUCCESS", "2026-01-01")
    assert found["pool"]["url"] == "https://d.example"
    assert "stale" not in json.dumps(found)
