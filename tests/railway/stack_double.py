"""A whole stack without Pulumi's engine: its providers, called in the engine's order, one process for each run.

What the engine does by itself is done here as it does it: deletions go from what depends on others to what others
depend on and end at the first error; a preview refuses what is protected, a step that was not previewed does so when
its turn comes.
"""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from convos_infra.destroy.gate import DestroyGateProvider
from convos_infra.errors import InfraError
from convos_infra.provider import Provider
from convos_infra.railway import session as session_module
from convos_infra.railway.resources.custom_domain import CustomDomainProvider
from convos_infra.railway.resources.environment import EnvironmentProvider
from convos_infra.railway.resources.project import ProjectProvider
from convos_infra.railway.resources.project_token import ProjectTokenProvider
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.service_domain import ServiceDomainProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.resources.shared_variables import SharedVariablesProvider
from convos_infra.railway.resources.tcp_proxy import TcpProxyProvider
from convos_infra.railway.resources.volume import VolumeProvider
from convos_infra.railway.session import Session
from convos_infra.railway.snapshots import Snapshots
from convos_infra.rollout.resource import AgentRolloutProvider
from railway_api.client import Client
from tests.emulator.fix_emulator import Emulator, EmulatorError, until
from tests.railway.answering_pool import Pool
from tests.railway.fix_resources import IMAGE, QUICK, Made, Props

PREFIX, SERVICE, TOKEN, KEY = "agent-", "web", "web", "k" * 32
SHARED = {"S": "1"}
ORDER: tuple[type[Provider], ...] = (
    ProjectProvider,
    EnvironmentProvider,
    SharedVariablesProvider,
    ServiceProvider,
    VolumeProvider,
    ServiceDomainProvider,
    CustomDomainProvider,
    TcpProxyProvider,
    ProjectTokenProvider,
    ServiceInstanceProvider,
    AgentRolloutProvider,
    DestroyGateProvider,
)
OF_SERVICE = ORDER[3:]
"""A service and what depends on it."""
_TIMING = replace(QUICK, settle_seconds=0.02)
_TOKENS = """
query t($p: String!) { projectTokens(projectId: $p, first: 500) { edges { node { id name environmentId } } } }"""


class Killed(Exception):
    """The process ended after Railway did something and before the state was written."""


@dataclass
class StackDouble:
    """One stack: its config, and what Pulumi has written down.

    Attributes:
        emulator: Railway.
        monkeypatch: gives each run a session of its own.
        name: of the project; the environment is called `test`.
        pool: its pool manager.
        config: of the last update.
        adopt: the ids that the config names, as `make adopt` writes them.
        dropped_database: where its tables are dropped at its end; None drops none.
        has_gate: whether its program has a gate; those of older releases have none.
        state: by kind.
        said: every progress line.
    """

    emulator: Emulator
    monkeypatch: pytest.MonkeyPatch
    name: str
    pool: Pool
    config: dict[str, str] = field(default_factory=dict)
    adopt: Props = field(default_factory=dict)
    dropped_database: str | None = None
    has_gate: bool = True
    protect: bool = False
    state: dict[type[Provider], Made] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    domain: str = field(default_factory=lambda: f"d{uuid.uuid4().hex[:10]}.example.org")

    def begin(self) -> None:
        """Begin a run: a process of its own."""
        client = Client(self.emulator.endpoint, self.emulator.token, timing=_TIMING, progress=self.said.append)
        session = Session(client, Snapshots(client))
        self.monkeypatch.setattr(session_module, "_session", lambda *_: session)
        self.monkeypatch.setattr("convos_infra.rollout.resource.say", self.said.append)

    def provider(self, kind: type[Provider]) -> Provider:
        """Return a provider with the stack's config."""
        made = kind()
        config = {"railwayEndpoint": self.emulator.endpoint, "railwayToken": "given", **self.config}
        made._config = config  # type: ignore[assignment]
        return made

    def inputs(self, kind: type[Provider]) -> Props:
        """Return what the program says of a resource, with what is known of the others."""
        outs = {each: made.outputs for each, made in self.state.items()}
        project = outs.get(ProjectProvider, {})
        environment, service = outs.get(EnvironmentProvider, {}), outs.get(ServiceProvider, {})
        ids = {"projectId": project.get("projectId"), "environmentId": environment.get("environmentId")}
        at = {**ids, "serviceId": service.get("serviceId"), "service": SERVICE}
        owned = {"serviceOwned": service.get("owned")}
        by_kind: dict[type[Provider], Props] = {
            ProjectProvider: {"name": self.name, "projectIdToAdopt": self.adopt.get("project", "")},
            EnvironmentProvider: {
                "projectId": ids["projectId"],
                "name": "test",
                "baseEnvironmentId": project.get("baseEnvironmentId"),
                "environmentIdToAdopt": self.adopt.get("environment", ""),
                "disposablePrefix": PREFIX,
            },
            SharedVariablesProvider: {**ids, "variables": SHARED, "environmentOwned": environment.get("owned")},
            ServiceProvider: {**ids, "name": SERVICE},
            VolumeProvider: {**at, **owned, "mountPath": "/data", "replaceDeleted": self.config.get("replaceVolume")},
            ServiceDomainProvider: {**at, **owned},
            CustomDomainProvider: {**at, **owned, "domain": self.domain},
            TcpProxyProvider: {**at, **owned, "applicationPort": 5432.0},
            ProjectTokenProvider: {**ids, **owned, "name": TOKEN},
            ServiceInstanceProvider: {**at, "image": IMAGE, "variables": {"A": "1"}, "unmanagedVariables": "keep"},
            AgentRolloutProvider: {
                **{key: at[key] for key in ("projectId", "environmentId", "serviceId")},
                "url": self.pool.url,
                "apiKey": KEY,
                "mode": "container",
                "waitSeconds": 1.0,
                "variables": {},
                **owned,
                "agentPrefix": PREFIX,
            },
            DestroyGateProvider: {
                **ids,
                "environmentOwned": environment.get("owned"),
                "services": [self._row(ServiceProvider)],
                "volumes": [self._row(VolumeProvider)],
                "agentPrefix": PREFIX,
                "poolServiceId": service.get("serviceId"),
                "poolUrl": self.pool.url,
                "poolKey": KEY,
                "poolMode": "container",
                "poolOwned": service.get("owned"),
                "droppedDatabase": self.dropped_database,
                "databaseOwned": service.get("owned"),
            },
        }
        return {key: value for key, value in by_kind[kind].items() if value is not None}

    def _row(self, kind: type[Provider]) -> Props:
        made = self.state.get(kind)
        return {"id": made.id, "name": SERVICE, "owned": made.outputs.get("owned")} if made else {}

    def up(self, killed_at: type[Provider] | None = None) -> None:
        """Update; what is killed has changed Railway and is not in the state."""
        self.begin()
        for kind in ORDER:
            if kind is DestroyGateProvider and not self.has_gate:
                continue
            if kind is AgentRolloutProvider:
                self.answers_at(self.pool.url)
            old, news = self.state.get(kind), self.inputs(kind)
            checked = self.provider(kind).check(old.inputs if old else {}, copy.deepcopy(news))
            assert not checked.failures, [failure.reason for failure in checked.failures]
            inputs = dict(checked.inputs)
            provider = self.provider(kind)
            if old is None:
                done = provider.created(copy.deepcopy(inputs))
                if kind is killed_at:
                    raise Killed
                self.state[kind] = Made(kind, done.id, dict(done.outs or {}), inputs)  # type: ignore[arg-type]
            elif provider.changed(old.id, old.outputs, inputs).changes:
                outs = provider.updated(old.id, copy.deepcopy(old.outputs), copy.deepcopy(inputs)).outs
                self.state[kind] = Made(kind, old.id, dict(outs or {}), inputs)  # type: ignore[arg-type]
            else:
                self.state[kind] = Made(kind, old.id, old.outputs, inputs)  # type: ignore[arg-type]

    def answers_at(self, url: str) -> None:
        """Have the service that runs answer there: it is the pool manager."""
        here = f"/snapshot?environment={self.state[EnvironmentProvider].id}"
        (row,) = until(
            lambda: [row for row in self.emulator.admin("GET", here)["deployment"] if row["status"] == "SUCCESS"], 10
        )
        given = {"id": row["id"], "status": "SUCCESS", "address": url.removeprefix("http://")}
        self.emulator.admin("POST", "/deployments", given)

    def refresh(self) -> None:
        """Refresh."""
        self.begin()
        for kind, made in list(self.state.items()):
            read = self.provider(kind).recorded_now(made.id, copy.deepcopy(made.outputs))
            if read.id:
                inputs = made.inputs if read.inputs is None else dict(read.inputs)
                self.state[kind] = Made(kind, read.id, dict(read.outs or {}), inputs)  # type: ignore[arg-type]
            else:
                del self.state[kind]

    def destroy(self, *, preview: bool = True, only: tuple[type[Provider], ...] = ORDER, until: int = 99) -> None:
        """Destroy, or what is targeted with its dependents; ends after `until` deletions as a run does that is killed.

        Raises:
            InfraError: as a deletion does, or as Pulumi does of what is protected.
        """
        if preview and self.protect:
            raise InfraError("pulumi", "a resource is protected")
        self.begin()
        for number, kind in enumerate([kind for kind in reversed(ORDER) if kind in self.state and kind in only]):
            if number >= until:
                return
            if self.protect:
                raise InfraError("pulumi", f"{kind.__name__} is protected")
            made = self.state[kind]
            self.provider(kind).removed(made.id, copy.deepcopy(made.outputs))
            del self.state[kind]

    def forget(self, *keys: str) -> None:
        """Take properties out of the state, as one of an older release has them not."""
        for made in self.state.values():
            for key in keys:
                made.outputs.pop(key, None)
                made.inputs.pop(key, None)

    def ids(self) -> dict[type[Provider], str]:
        """Return the ids of everything in the state."""
        return {kind: made.id for kind, made in self.state.items()}


def alive(emulator: Emulator, ids: Mapping[type[Provider], str]) -> dict[str, bool]:
    """Return what of these is there, by the emulator's own word."""
    project = next(
        (row for row in emulator.admin("GET", "/snapshot")["projects"] if row["id"] == ids[ProjectProvider]), None
    )
    environments = {row["id"] for row in project["environments"]} if project else set()
    here = ids[EnvironmentProvider]
    world = json.loads(emulator.snapshot(here)) if here in environments else {}
    config = (world.get("config") or {}).get("services") or {}
    service = config.get(ids[ServiceProvider])
    volumes = {row["volumeId"] for row in world.get("volume_instance") or () if not row.get("deletedAt")}
    domains = {row["id"] for row in world.get("domain") or () if not row.get("deletedAt")}
    custom = {row["id"] for row in world.get("custom_domain") or () if not row.get("deletedAt")}
    proxies = (((service or {}).get("networking") or {}).get("tcpProxies")) or {}
    return {
        "Project": project is not None,
        "Environment": here in environments,
        "SharedVariables": set(SHARED) <= set((world.get("config") or {}).get("sharedVariables") or {}),
        "Service": service is not None,
        "Volume": ids[VolumeProvider] in volumes,
        "ServiceDomain": ids[ServiceDomainProvider] in domains | custom,
        "CustomDomain": ids[CustomDomainProvider] in domains | custom,
        "TcpProxy": "5432" in proxies,
        "ProjectToken": _has_token(emulator, ids),
    }


def _has_token(emulator: Emulator, ids: Mapping[type[Provider], str]) -> bool:
    try:
        rows = emulator.run(_TOKENS, p=ids[ProjectProvider])["projectTokens"]["edges"]
    except EmulatorError:
        return False
    return any(row["node"]["id"] == ids[ProjectTokenProvider] for row in rows)
