"""Railway's resources without Pulumi around them: each operation as one run of Pulumi would do it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from convos_infra.railway import session as session_module
from convos_infra.railway.attribute import Attribute
from convos_infra.railway.resources.custom_domain import CustomDomainProvider
from convos_infra.railway.resources.deployment import DeploymentProvider
from convos_infra.railway.resources.environment import EnvironmentProvider
from convos_infra.railway.resources.project import ProjectProvider
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.service_domain import ServiceDomainProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.resources.shared_variables import SharedVariablesProvider
from convos_infra.railway.resources.tcp_proxy import TcpProxyProvider
from convos_infra.railway.resources.volume import VolumeProvider
from convos_infra.railway.service_configuration import ATTRIBUTES
from convos_infra.railway.session import RailwayProvider, Session
from convos_infra.railway.snapshot import Snapshots
from railway_api.client import Client, Timing
from railway_api.errors import NotAuthorized
from railway_api.retry import Budget
from tests.emulator.fix_emulator import Emulator

IMAGE = "ghcr.io/example/web:1@sha256:" + "a" * 64
OTHER_IMAGE = "ghcr.io/example/web:2@sha256:" + "b" * 64
Props = dict[str, Any]
QUICK = Timing(
    settle_seconds=0.3,
    stick_seconds=1.0,
    newborn_seconds=0.0,
    read_seconds=3.0,
    budget=Budget(attempts=3, seconds=2.0, base_delay=0.01),
)


class KeepingTokens(Client):
    """Railway as it is to somebody who may not see the tokens of the project."""

    refused = 0

    def query(self, document: str, variables: Any, *, thing: str) -> Any:
        if "projectTokens(" in document:
            self.refused += 1
            raise NotAuthorized(thing, 'Railway says "Not Authorized" to projectTokens', message="Not Authorized")
        return super().query(document, variables, thing=thing)


@dataclass
class Made:
    """A resource in a state: its id, its outputs, and the inputs that it was made of."""

    provider: type[RailwayProvider]
    id: str
    outputs: Props
    inputs: Props


@dataclass
class Runs:
    """Runs of Pulumi, one operation each, against one emulator.

    Attributes:
        said: the progress lines so far.
        config: what the stack says beyond endpoint and token.
    """

    emulator: Emulator
    monkeypatch: pytest.MonkeyPatch
    token: str = ""
    project_token: bool = False
    said: list[str] = field(default_factory=list)
    config: dict[str, str] = field(default_factory=lambda: {"dataOnDestroy": "delete"})

    def provider(self, kind: type[RailwayProvider]) -> RailwayProvider:
        """Return a configured provider in a process of its own, as far as it can tell."""
        client = Client(
            self.emulator.endpoint,
            self.token or self.emulator.token,
            project_token=self.project_token,
            timing=QUICK,
            progress=self.said.append,
        )
        session = Session(client, Snapshots(client))
        self.monkeypatch.setattr(session_module, "_session", lambda *_: session)
        made = kind()
        made._config = {"railwayEndpoint": self.emulator.endpoint, "railwayToken": "given", **self.config}  # type: ignore[assignment]
        return made

    def checked(self, kind: type[RailwayProvider], news: Props, olds: Props | None = None) -> Props:
        """Check inputs and return them with what the check adds."""
        inputs, failures = self.provider(kind).checked(olds or {}, copy.deepcopy(news))
        assert failures == [], [(failure.property, failure.reason) for failure in failures]
        return inputs

    def create(self, kind: type[RailwayProvider], news: Props) -> Made:
        """Check and create."""
        inputs = self.checked(kind, news)
        result = self.provider(kind).created(copy.deepcopy(inputs))
        return Made(kind, result.id, dict(result.outs or {}), inputs)

    def update(self, made: Made, news: Props) -> Made:
        """Check, diff and update where the diff says so."""
        inputs = self.checked(made.provider, news, made.inputs)
        diff = self.provider(made.provider).changed(made.id, made.outputs, inputs)
        assert not diff.replaces, diff.replaces
        if not diff.changes:
            return Made(made.provider, made.id, made.outputs, inputs)
        result = self.provider(made.provider).updated(made.id, copy.deepcopy(made.outputs), copy.deepcopy(inputs))
        return Made(made.provider, made.id, dict(result.outs or {}), inputs)

    def refresh(self, made: Made) -> Made | None:
        """Read; None where it is gone."""
        result = self.provider(made.provider).current(made.id, copy.deepcopy(made.outputs))
        if not result.id:
            return None
        return Made(made.provider, result.id, dict(result.outs or {}), dict(result.inputs or {}))

    def differs(self, made: Made, news: Props | None = None) -> bool:
        """Tell whether a preview would show a change."""
        inputs = self.checked(made.provider, news if news is not None else made.inputs, made.inputs)
        return bool(self.provider(made.provider).changed(made.id, made.outputs, inputs).changes)

    def drift(self, made: Made, read: Made) -> bool:
        """Tell whether Pulumi shows what a refresh has read: it asks `diff` of that and the inputs in the state."""
        return bool(self.provider(made.provider).changed(made.id, read.outputs, made.inputs).changes)

    def delete(self, made: Made) -> None:
        """Delete."""
        self.provider(made.provider).deleted(made.id, copy.deepcopy(made.outputs))

    def mutations(self) -> list[str]:
        """Return the mutations since the last look, and forget them."""
        calls = self.emulator.calls()
        self.emulator.forget_calls()
        return [call["operation"] for call in calls if call["type"] == "mutation"]

    def deployments(self) -> int:
        """Return how many deployments were made since the last look, and forget them."""
        calls = self.emulator.calls()
        self.emulator.forget_calls()
        return sum(len(call["deployments"]) for call in calls)


@dataclass
class Place:
    """A project with a fork of its base environment and one empty service."""

    runs: Runs
    project: Made
    environment: Made
    service: Made

    @property
    def ids(self) -> Props:
        """What everything that belongs to the environment is told."""
        return {"projectId": self.project.id, "environmentId": self.environment.id}

    @property
    def at(self) -> Props:
        """What everything that belongs to the service is told."""
        return {**self.ids, "serviceId": self.service.id, "service": self.service.inputs["name"]}


def place(runs: Runs, name: str) -> Place:
    """Make a project, an environment and a service."""
    project = runs.create(ProjectProvider, {"name": name})
    ids = {"projectId": project.id}
    base = project.outputs["baseEnvironmentId"]
    environment = runs.create(EnvironmentProvider, {**ids, "name": "local", "baseEnvironmentId": base})
    service = runs.create(ServiceProvider, {**ids, "environmentId": environment.id, "name": "web"})
    return Place(runs, project, environment, service)


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


def refreshed(at: Place, made: Made) -> Made:
    """Refresh what must still be there."""
    read = at.runs.refresh(made)
    assert read is not None
    return read


def patch(at: Place, value: Any) -> None:
    """Commit a patch as somebody else would."""
    document = "mutation p($e: String!, $p: EnvironmentConfig) { environmentPatchCommit(environmentId: $e, patch: $p) }"
    at.runs.emulator.run(document, e=at.environment.id, p=value)


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
__all__ = ["CASES", "DeploymentProvider"]
