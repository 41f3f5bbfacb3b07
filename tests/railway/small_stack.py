"""A small stack without the CLI: its resources in order, each operation of Pulumi's over all of them.

As Pulumi does, a preview takes the outputs of what will change for unknown, unless they are inputs as well.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi.runtime.rpc import UNKNOWN

from convos_infra.railway import session as session_module
from convos_infra.railway.change import announced
from convos_infra.railway.resources.deployment import DeploymentProvider
from convos_infra.railway.resources.environment import EnvironmentProvider
from convos_infra.railway.resources.project import ProjectProvider
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.service_domain import ServiceDomainProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.resources.shared_variables import SharedVariablesProvider
from convos_infra.railway.resources.tcp_proxy import TcpProxyProvider
from convos_infra.railway.resources.volume import VolumeProvider
from convos_infra.railway.session import RailwayProvider, Session
from convos_infra.railway.snapshots import Snapshots
from railway_api.client import Client
from tests.railway.fix_resources import IMAGE, QUICK, Made, Props, Runs
from tests.railway.scene import Scene

Kind = type[RailwayProvider]
Outs = Callable[[str, str], Any]
"""The output of a resource by the resource's name and the output's; `id` is its id."""


@dataclass(frozen=True)
class Declared:
    """One resource of the program.

    Attributes:
        name: its name in the stack.
        provider: its provider.
        inputs: its inputs, of the outputs of those before it.
        outputs: what it has beside its inputs.
    """

    name: str
    provider: Kind
    inputs: Callable[[Outs], Props]
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """What a preview shows of one resource, or an update did.

    Attributes:
        name: the resource.
        op: same, create, update, replace, refuse.
        deployments: how many are announced.
        said: why it refuses, or what the announcement says.
    """

    name: str
    op: str
    deployments: int = 0
    said: str = ""


@dataclass
class SmallStack:
    """A program and its state.

    Attributes:
        runs: where the emulator is.
        program: what is declared, in order.
        state: what is recorded, by name.
    """

    runs: Runs
    program: list[Declared]
    state: dict[str, Made] = field(default_factory=dict)

    def preview(self) -> list[Step]:
        """Return what an update would do; sends no mutation."""
        self._begin()
        known: dict[str, dict[str, Any]] = {}
        steps = []
        for row in self.program:
            step, inputs, old = self._planned(row, known)
            steps.append(step)
            fresh = step.op in ("create", "replace", "refuse")
            before = {} if fresh or old is None else {**old.outputs, "id": old.id}
            unknown = dict.fromkeys((*row.outputs, "id"), UNKNOWN) if fresh else {}
            if step.op == "update":
                unknown = {name: UNKNOWN for name in row.outputs if name not in inputs}
            known[row.name] = {**before, **inputs, **unknown}
        return [step for step in steps if step.op != "same"]

    def up(self) -> list[Step]:
        """Update; stops at what refuses."""
        self._begin()
        known: dict[str, dict[str, Any]] = {}
        steps = []
        for row in self.program:
            step, inputs, old = self._planned(row, known)
            assert step.op != "refuse", step
            steps.append(step)
            self._brought(row, step, inputs, old)
            made = self.state[row.name]
            known[row.name] = {**made.outputs, "id": made.id}
        return [step for step in steps if step.op != "same"]

    def refresh(self) -> list[str]:
        """Read everything; returns the names of what differs, or is gone."""
        self._begin()
        differs = []
        for row in self.program:
            old = self.state.get(row.name)
            if old is None:
                continue
            result = self._provider(row.provider).current(old.id, copy.deepcopy(old.outputs))
            if not result.id:
                del self.state[row.name]
                differs.append(row.name)
                continue
            outputs = dict(result.outs or {})
            inputs = old.inputs if result.inputs is None else dict(result.inputs)
            if self._provider(row.provider).changed(old.id, outputs, old.inputs).changes:
                differs.append(row.name)
            self.state[row.name] = Made(row.provider, result.id, outputs, inputs)
        return differs

    def _begin(self) -> None:
        """Begin a run: a process of its own, as far as the providers can tell."""
        emulator = self.runs.emulator
        client = Client(emulator.endpoint, emulator.token, timing=QUICK, progress=self.runs.said.append)
        session = Session(client, Snapshots(client))
        self.runs.monkeypatch.setattr(session_module, "_session", lambda *_: session)

    def _provider(self, kind: Kind) -> RailwayProvider:
        made = kind()
        made._config = {"railwayEndpoint": "", "railwayToken": "given"}  # type: ignore[assignment]
        return made

    def _planned(self, row: Declared, known: Mapping[str, Mapping[str, Any]]) -> tuple[Step, Props, Made | None]:
        old = self.state.get(row.name)
        wanted = row.inputs(lambda name, output: known[name][output])
        wanted = {key: value for key, value in wanted.items() if value is not None}
        before = copy.deepcopy(old.inputs) if old else {}
        inputs, failures = self._provider(row.provider).checked(before, copy.deepcopy(wanted))
        if failures:
            return Step(row.name, "refuse", said="; ".join(str(one.reason) for one in failures)), inputs, old
        op = "create"
        if old is not None:
            diff = self._provider(row.provider).changed(old.id, old.outputs, inputs)
            op = "replace" if diff.replaces else "update" if diff.changes else "same"
        count = announced(before, inputs) if op != "same" else 0
        return Step(row.name, op, count, str(inputs.get("deploys") or "")), inputs, old

    def _brought(self, row: Declared, step: Step, inputs: Props, old: Made | None) -> None:
        provider = self._provider(row.provider)
        if step.op in ("create", "replace"):
            result = provider.created(copy.deepcopy(inputs))
            if old is not None:
                self._provider(row.provider).deleted(old.id, copy.deepcopy(old.outputs))
            self.state[row.name] = Made(row.provider, result.id, dict(result.outs or {}), inputs)
        elif old is not None:
            outputs = old.outputs
            if step.op == "update":
                done = provider.updated(old.id, copy.deepcopy(old.outputs), copy.deepcopy(inputs))
                outputs = dict(done.outs or {})
            self.state[row.name] = Made(row.provider, old.id, outputs, inputs)


def two_services(project: str, environment: str = "local") -> list[Declared]:
    """Return a program with everything that the table of states is about: `web`, and `db` to which it refers."""
    return [
        Declared("project", ProjectProvider, lambda _: {"name": project}, ("projectId", "baseEnvironmentId")),
        Declared(
            "environment",
            EnvironmentProvider,
            lambda outs: {
                "projectId": outs("project", "projectId"),
                "name": environment,
                "baseEnvironmentId": outs("project", "baseEnvironmentId"),
            },
            ("environmentId",),
        ),
        Declared("shared", SharedVariablesProvider, lambda outs: {**_where(outs), "variables": {"S": "1"}}),
        Declared("db", ServiceProvider, lambda outs: {**_where(outs), "name": "db"}, ("serviceId",)),
        Declared("db-instance", ServiceInstanceProvider, _db, ("deploymentId",)),
        Declared("web", ServiceProvider, lambda outs: {**_where(outs), "name": "web"}, ("serviceId",)),
        Declared("volume", VolumeProvider, lambda outs: {**_at(outs, "web"), "mountPath": "/data"}, ("volumeId",)),
        Declared(
            "proxy",
            TcpProxyProvider,
            lambda outs: {**_at(outs, "web"), "applicationPort": 5432.0},
            ("host", "proxyPort"),
        ),
        Declared("domain", ServiceDomainProvider, lambda outs: {**_at(outs, "web")}, ("domain", "url")),
        Declared("web-instance", ServiceInstanceProvider, _web, ("deploymentId",)),
        Declared("ready", DeploymentProvider, _ready, ("deployed",)),
    ]


def _where(outs: Outs) -> Props:
    return {"projectId": outs("project", "projectId"), "environmentId": outs("environment", "environmentId")}


def _at(outs: Outs, name: str) -> Props:
    return {**_where(outs), "serviceId": outs(name, "serviceId"), "service": name}


def _db(outs: Outs) -> Props:
    return {
        **_at(outs, "db"),
        "image": IMAGE,
        "variables": {"V": "1"},
        "multiRegionConfig": {"us-west2": {"numReplicas": 1.0}},
        "unmanagedVariables": "keep",
    }


def _web(outs: Outs) -> Props:
    return {
        **_at(outs, "web"),
        "image": IMAGE,
        "startCommand": "run",
        "bound": {
            "tcpProxies": {"5432": outs("proxy", "id")},
            "volumes": {"/data": outs("volume", "volumeId")},
            "serviceDomains": {"": outs("domain", "domain")},
        },
        "variables": {"A": "1", "OWN": "${{A}}", "R": "${{db.V}}", "SEALED": "secret"},
        "sealedVariables": ["SEALED"],
        "unmanagedVariables": "keep",
    }


def _ready(outs: Outs) -> Props:
    services = [
        {
            "name": name,
            "serviceId": outs(name, "serviceId"),
            "deploymentId": outs(f"{name}-instance", "deploymentId"),
            "image": IMAGE,
        }
        for name in ("db", "web")
    ]
    return {**_where(outs), "services": services, "timeoutSeconds": 5.0}


def scene_of(stack: SmallStack) -> Scene:
    """Return the environment of a stack that was made, for a state to be made in it."""
    project, environment = stack.state["project"], stack.state["environment"]
    return Scene(stack.runs.emulator, project.id, environment.id, "web", "db")


def environment_as_wanted(scene: Scene) -> dict[str, Any]:
    """Return what an environment comes to, without ids and moments: equal where nothing is missing and all runs."""
    truth = scene.truth()
    names = {row["id"]: row["name"] for row in truth["service"] if not row.get("deletedAt")}
    found: dict[str, Any] = {"name": truth["name"], "shared": truth["config"].get("sharedVariables")}
    for id_, config in truth["config"]["services"].items():
        own = {key: config.get(key) for key in ("source", "deploy")}
        own["variables"] = {key: entry["value"] for key, entry in config.get("variables", {}).items()}
        rows = [row for row in truth["deployment"] if row["serviceId"] == id_]
        active = [row for row in rows if row["status"] in ("SUCCESS", "SLEEPING")]
        own["runs"] = [row["meta"].get("image") for row in active]
        own["volumes"] = [
            row["mountPath"] for row in truth["volume_instance"] if row["serviceId"] == id_ and not row["deletedAt"]
        ]
        own["proxies"] = [row["applicationPort"] for row in truth["tcp_proxy"] if row["serviceId"] == id_]
        own["domains"] = sum(row["serviceId"] == id_ for row in truth["domain"])
        found[names.get(id_, id_)] = json.loads(json.dumps(own))
    return found
