"""Each kind of resource: what it is made of, what can be changed, and how somebody else removes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from convos_infra.railway.attribute import Attribute
from convos_infra.railway.resources.custom_domain import CustomDomainProvider
from convos_infra.railway.resources.environment import EnvironmentProvider
from convos_infra.railway.resources.project import ProjectProvider
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.service_domain import ServiceDomainProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.resources.shared_variables import SharedVariablesProvider
from convos_infra.railway.resources.tcp_proxy import TcpProxyProvider
from convos_infra.railway.resources.volume import VolumeProvider
from convos_infra.railway.service_configuration import ATTRIBUTES
from convos_infra.railway.session import RailwayProvider
from tests.railway.fix_resources import IMAGE, Made, Place, Props, patch


@dataclass(frozen=True)
class Case:
    """One kind of resource for the acceptance matrix.

    Attributes:
        provider: its provider.
        inputs: what it is made of.
        changes: changed inputs by name, each updated in place.
        remove: makes it disappear by Railway's API, as somebody else would.
        one_way: changes that nothing takes back.
    """

    provider: type[RailwayProvider]
    inputs: Callable[[Place], Props]
    changes: Mapping[str, Props]
    remove: Callable[[Place, Made], None]
    one_way: frozenset[str] = frozenset()


def remove_by(document: str) -> Callable[[Place, Made], None]:
    """Return a removal by a mutation with one id."""
    return lambda at, made: at.runs.emulator.run(document, id=made.id) and None


def remove_volume(at: Place, made: Made) -> None:
    """Delete a volume, and let the 48 hours pass in which it could be restored."""
    at.runs.emulator.run("mutation d($id: String!) { volumeDelete(volumeId: $id) }", id=made.id)
    rows = at.runs.emulator.admin("GET", f"/snapshot?environment={at.environment.id}")["volume_instance"]
    for row in rows:
        if row["volumeId"] == made.id:
            at.runs.emulator.admin("POST", "/volume_instances", {"id": row["id"], "purged": True})


def as_pulumi_sends(value: Any) -> Any:
    """Return a value with its numbers as doubles."""
    if isinstance(value, Mapping):
        return {key: as_pulumi_sends(item) for key, item in value.items()}
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def example_of(item: Attribute) -> Props:
    """Return inputs that set an attribute to its example: with what it needs, and without what excludes it."""
    needed = [other for other in ATTRIBUTES if other.name == item.needs]
    before = {name: value for other in needed for name, value in example_of(other).items()}
    excluded = {other.name: None for other in ATTRIBUTES if other.excludes == item.name}
    return {**before, **excluded, item.name: as_pulumi_sends(item.example)}


def instance(at: Place) -> Props:
    """Return the inputs of a ServiceInstance."""
    variables = {"A": "1", "B": "${{web.A}}"}
    return {**at.at, "image": IMAGE, "variables": variables, "unmanagedVariables": "keep"}


CASES = {
    "Project": Case(
        ProjectProvider,
        lambda at: {"name": at.project.inputs["name"]},
        {"name": {"name": "renamed-by-its-stack"}},
        lambda at, made: (
            at.runs.emulator.run("mutation d($id: String!) { projectDelete(id: $id) }", id=made.id) and None
        ),
    ),
    "Environment": Case(
        EnvironmentProvider,
        lambda at: {**at.environment.inputs},
        {"disposablePrefix": {"disposablePrefix": "agent-"}, "name": {"name": "renamed"}},
        remove_by("mutation d($id: String!) { environmentDelete(id: $id) }"),
    ),
    "Service": Case(
        ServiceProvider,
        lambda at: {**at.service.inputs},
        {"name": {"name": "renamed"}},
        lambda at, made: (
            at.runs.emulator.run(
                "mutation d($id: String!, $e: String) { serviceDelete(id: $id, environmentId: $e) }",
                id=made.id,
                e=at.environment.id,
            )
            and None
        ),
    ),
    "ServiceInstance": Case(
        ServiceInstanceProvider,
        instance,
        {
            **{item.name: example_of(item) for item in ATTRIBUTES},
            "variables": {"variables": {"A": "2", "C": "line 1\nline 2"}},
            "sealedVariables": {"sealedVariables": ["A"]},
        },
        lambda at, made: patch(at, {"services": {at.service.id: {"isDeleted": True}}}),
        one_way=frozenset({"sealedVariables"}),
    ),
    "SharedVariables": Case(
        SharedVariablesProvider,
        lambda at: {**at.ids, "variables": {"S": "1", "T": "x"}},
        {"variables": {"variables": {"S": "2"}}},
        lambda at, made: patch(at, {"sharedVariables": {"S": None, "T": None}}),
    ),
    "Volume": Case(
        VolumeProvider,
        lambda at: {**at.at, "mountPath": "/data"},
        {"mountPath": {"mountPath": "/elsewhere"}},
        remove_volume,
    ),
    "ServiceDomain": Case(
        ServiceDomainProvider,
        lambda at: {**at.at, "targetPort": 8080.0},
        {"targetPort": {"targetPort": 3000.0}, "subdomain": {"subdomain": "chosen-by-us"}},
        remove_by("mutation d($id: String!) { serviceDomainDelete(id: $id) }"),
    ),
    "CustomDomain": Case(
        CustomDomainProvider,
        lambda at: {**at.at, "domain": f"{at.environment.id[:8]}.example.org"},
        {"targetPort": {"targetPort": 3000.0}},
        remove_by("mutation d($id: String!) { customDomainDelete(id: $id) }"),
    ),
    "TcpProxy": Case(
        TcpProxyProvider,
        lambda at: {**at.at, "applicationPort": 5432.0},
        {},
        lambda at, made: patch(at, {"services": {at.service.id: {"networking": {"tcpProxies": {"5432": None}}}}}),
    ),
}


def attributes(*without: str) -> list[Any]:
    """Return the parameters `kind` and `name` of each attribute, but for those of these names.

    A domain is renamed only by a Railway that does not ignore it: what an update says of the other is another test's.
    """
    marks = {"subdomain": [pytest.mark.believed("domain_rename")]}
    return [
        pytest.param(kind, name, marks=marks.get(name, []))
        for kind, case in sorted(CASES.items())
        for name in case.changes
        if name not in without
    ]
