"""A service that refers to the database of its environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convos_infra.railway.environment_config import live_variables
from convos_infra.railway.referable import live
from convos_infra.railway.resolution import resolved
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.session import RailwayProvider
from convos_infra.railway.snapshot import Snapshot
from tests.railway.fix_resources import IMAGE, Made, Place, Props

RENAME = "mutation r($id: String!, $name: String!) { serviceUpdate(id: $id, input: {name: $name}) { id } }"
DEPLOY = "mutation d($s: String!, $e: String!) { serviceInstanceDeployV2(serviceId: $s, environmentId: $e) }"
RUNNING = "query q($id: String!) { deploymentSnapshot(deploymentId: $id) { variables } }"
URL = "${{postgres.DATABASE_URL}}"
DATABASE = {"DATABASE_URL": "postgresql://u:${{PASSWORD}}@${{RAILWAY_PRIVATE_DOMAIN}}:5432/db", "PASSWORD": "s3cret"}


def current_value(snapshot: Snapshot, service_id: str, name: str) -> str | None:
    """Return the value that a variable would have in a deployment now, or None if it is unknown or does not exist."""
    if live_variables(snapshot.service(service_id) or {}).get(name) is None:
        return None
    return resolved(live(snapshot), snapshot.name_of(service_id), name).text


def renamed(at: Place, service: Made, name: str) -> None:
    at.runs.emulator.run(RENAME, id=service.id, name=name)
    at.runs.mutations()


def inputs(at: Place, service: Made, variables: Props, **more: Any) -> Props:
    where = {**at.ids, "serviceId": service.id, "service": service.inputs["name"]}
    return {**where, "image": IMAGE, "variables": variables, "unmanagedVariables": "keep", **more}


def with_database(at: Place) -> tuple[Made, Made]:
    """Make postgres, and bring web up with a reference to it; returns postgres and web's configuration."""
    postgres = at.runs.create(ServiceProvider, {**at.ids, "name": "postgres"})
    at.runs.create(ServiceInstanceProvider, inputs(at, postgres, DATABASE))
    web = at.runs.create(ServiceInstanceProvider, inputs(at, at.service, {"DATABASE_URL": URL}))
    at.runs.emulator.forget_calls()
    return postgres, web


def refusals(at: Place, news: Props, olds: Props | None = None, provider: RailwayProvider | None = None) -> list[str]:
    """Return what a preview says, one line for each failure."""
    checks = provider or at.runs.provider(ServiceInstanceProvider)
    return [f"{found.property}: {found.reason}" for found in checks.checked(olds or {}, news)[1]]


def running(at: Place, made: Made) -> dict[str, str]:
    found: dict[str, str] = at.runs.emulator.run(RUNNING, id=made.outputs["deploymentId"])["deploymentSnapshot"][
        "variables"
    ]
    return found


def declared_first(at: Place, *checks: Callable[[RailwayProvider], Any]) -> RailwayProvider:
    """Return a provider in whose process these were checked before."""
    provider = at.runs.provider(ServiceInstanceProvider)
    for check in checks:
        check(provider)
    return provider


def checked(kind: type[RailwayProvider], news: Props, olds: Props | None = None) -> Callable[[RailwayProvider], None]:
    def run(provider: RailwayProvider) -> None:
        other = kind()
        other._config = provider._config
        assert other.checked(olds or {}, news)[1] == []

    return run
