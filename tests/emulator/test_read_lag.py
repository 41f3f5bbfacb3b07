"""`read_lag_seconds`: readers see yesterday, writers see today."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.emulator.fix_emulator import Emulator, EmulatorError, running_emulator, until
from tests.emulator.world import IMAGE, World, nodes

LONG = 60
INSTANCE = (
    "query i($e: String!, $s: String!) { serviceInstance(environmentId: $e, serviceId: $s) { source { image } } }"
)
VOLUMES = """
query v($p: String!) {
  project(id: $p) { volumes { edges { node { name } } } services { edges { node { id } } } }
}"""
DOMAINS = """
query d($e: String!, $p: String!, $s: String!) {
  domains(environmentId: $e, projectId: $p, serviceId: $s) { serviceDomains { domain } }
}"""
CREATE_DOMAIN = "mutation d($input: ServiceDomainCreateInput!) { serviceDomainCreate(input: $input) { domain } }"
CREATE_VOLUME = """
mutation v($input: VolumeCreateInput!) { volumeCreate(input: $input) { volumeInstances { edges { node { id } } } } }
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running_emulator(tmp_path_factory.mktemp("lag"), deploy_step_seconds=0) as emulator:
        yield emulator


@pytest.fixture
def lagging(own: Emulator) -> Iterator[World]:
    """A project with a service, older than the lag that then begins; reads are fresh again after the test."""
    own.settings(read_lag_seconds=0)
    yield World.new(own)
    own.settings(read_lag_seconds=0)


def image(world: World, service: str) -> Any:
    found = world.run(INSTANCE, e=world.environment_id, s=service)["serviceInstance"]
    return (found["source"] or {}).get("image")


def test_a_new_instance_is_missing_until_the_lag_is_over_and_its_service_is_not(lagging: World) -> None:
    lagging.emulator.settings(read_lag_seconds=LONG)
    service = lagging.service("web")
    with pytest.raises(EmulatorError, match="ServiceInstance not found"):
        image(lagging, service)
    assert lagging.config() == {}
    found = lagging.run(VOLUMES, p=lagging.project_id)["project"]
    assert [row["id"] for row in nodes(found["services"])] == [service]
    lagging.emulator.settings(read_lag_seconds=0)
    assert image(lagging, service) is None


def test_a_commit_is_seen_once_the_lag_is_over_and_not_before(lagging: World) -> None:
    service = lagging.service("web")
    lag = 0.8
    until(lambda: service in lagging.instances(), 5)
    lagging.emulator.settings(read_lag_seconds=lag)
    until(lambda: service in lagging.instances(), 10)
    written = time.monotonic()
    lagging.commit_service(service, {"source": {"image": IMAGE}})
    until(lambda: image(lagging, service) == IMAGE, 10)
    assert time.monotonic() - written >= lag


def test_new_volumes_and_domains_show_late_but_the_answer_that_made_them_shows_them(lagging: World) -> None:
    service = lagging.service("web")
    given = {"environmentId": lagging.environment_id, "serviceId": service}
    lagging.emulator.settings(read_lag_seconds=0.3)
    until(lambda: service in lagging.instances(), 10)
    lagging.emulator.settings(read_lag_seconds=0)
    before = lagging.emulator.snapshot(lagging.environment_id)
    made = lagging.run(CREATE_VOLUME, input={**given, "projectId": lagging.project_id, "mountPath": "/data"})
    domain = lagging.run(CREATE_DOMAIN, input=given)["serviceDomainCreate"]["domain"]
    assert len(nodes(made["volumeCreate"]["volumeInstances"])) == 1
    assert lagging.emulator.snapshot(lagging.environment_id) != before
    asked = {"e": lagging.environment_id, "p": lagging.project_id, "s": service}
    assert lagging.run(DOMAINS, **asked)["domains"]["serviceDomains"] == [{"domain": domain}]
    lagging.emulator.settings(read_lag_seconds=LONG)
    assert nodes(lagging.run(VOLUMES, p=lagging.project_id)["project"]["volumes"]) == []
    with pytest.raises(EmulatorError, match="ServiceInstance not found"):
        lagging.run(DOMAINS, **asked)


def test_what_was_deleted_still_shows_until_the_lag_is_over(lagging: World) -> None:
    service = lagging.service("web")
    lag = 0.8
    lagging.emulator.settings(read_lag_seconds=lag)
    until(lambda: service in lagging.instances(), 10)
    deleted = time.monotonic()
    lagging.run("mutation d($id: String!) { serviceDelete(id: $id) }", id=service)
    until(lambda: service not in lagging.instances(), 10)
    assert time.monotonic() - deleted >= lag


def test_writers_are_never_behind(lagging: World) -> None:
    lagging.emulator.settings(read_lag_seconds=LONG)
    service = lagging.service("web")
    lagging.commit_service(service, {"source": {"image": IMAGE}})
    lagging.commit_service(service, {"variables": {"A": {"value": "1"}}})
    lagging.emulator.settings(read_lag_seconds=0)
    config = lagging.service_config(service)
    assert (config["source"], config["variables"]) == ({"image": IMAGE}, {"A": {"value": "1"}})


def test_after_a_restart_what_was_there_is_there_at_once(own: Emulator, lagging: World) -> None:
    service = lagging.running("web")
    own.restart()
    own.settings(read_lag_seconds=LONG)
    assert image(lagging, service) == IMAGE


def test_a_lag_over_a_minute_is_refused(own: Emulator) -> None:
    headers = {"Authorization": f"Bearer {own.token}"}
    answer = own.session.patch(f"{own.admin_url}/settings", json={"read_lag_seconds": 61}, headers=headers, timeout=10)
    assert (answer.status_code, "between 0 and 60" in answer.text) == (400, True)
