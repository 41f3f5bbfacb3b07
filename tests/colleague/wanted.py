"""What the code of the double's stack says: two services with all that a service can have, and how it is edited."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from convos_infra.destroy.gate import DestroyGateProvider
from convos_infra.ownership import DELETE, REFUSE
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
from convos_infra.railway.session import RailwayProvider
from tests.railway.fix_resources import IMAGE, Props
from tests.railway.test_announced_cost import edited

View = Callable[[str, str], Any]
APP, DB = "app", "db"
PROJECT, ENVIRONMENT, PREFIX = "shop", "staging", "agent-"
CUSTOM = "shop.example.org"
DATABASE = "ghcr.io/example/database:17@sha256:" + "d" * 64


_OPTIONAL = ("app/domain", "app/custom", "db/proxy")
_ALL = (
    *("project", "environment", "shared", "db/service", "db/volume", "db/proxy", "db/instance"),
    *("app/service", "app/domain", "app/custom", "app/instance", "deployments"),
)


@dataclass(frozen=True)
class Spec:
    """One resource of the stack.

    Attributes:
        key: its name in Pulumi.
        kind: its provider.
        inputs: what the code says, given the outputs of the others.
        needs: the resources that come before it.
    """

    key: str
    kind: type[RailwayProvider]
    inputs: Callable[[View], Props]
    needs: tuple[str, ...]


def _app() -> Props:
    return {"image": IMAGE, "variables": {"V0": "0", "DB": "${{db.URL}}", "MODE": "${{shared.MODE}}"}}


def _db() -> Props:
    return {
        "image": DATABASE,
        "requiredMountPath": "/data",
        "variables": {"PASSWORD": "s3cret", "URL": "pg://u:${{PASSWORD}}@${{RAILWAY_PRIVATE_DOMAIN}}/d"},
    }


@dataclass
class Wanted:
    """The stack's code, as far as it can differ.

    Attributes:
        app, db: the configuration of the two services.
        parts: the optional resources that it has.
        shared: the shared variables.
        mount: where the database's volume is mounted.
        port: the target port of the app's domain.
        unmanaged: what becomes of variables that nobody here set.
        data: what a destroy does about volumes with data, the config key `dataOnDestroy`.
    """

    app: Props = field(default_factory=_app)
    db: Props = field(default_factory=_db)
    parts: frozenset[str] = frozenset(_OPTIONAL)
    shared: dict[str, str] = field(default_factory=lambda: {"MODE": "plain"})
    mount: str = "/data"
    port: float = 8080.0
    unmanaged: str = "keep"
    data: str = DELETE

    def copy(self) -> Wanted:
        """Return one that can be edited."""
        return copy.deepcopy(self)

    def edited(self, rng: random.Random) -> str:
        """Change something; returns what, for people."""
        choices: tuple[Callable[[random.Random], str], ...] = (
            self._edit_app,
            self._edit_app,
            self._edit_app,
            self._edit_db,
            self._edit_shared,
            self._edit_parts,
            self._edit_mount,
            self._edit_port,
            self._edit_unmanaged,
            self._edit_data,
        )
        return rng.choice(choices)(rng)

    def _edit_app(self, rng: random.Random) -> str:
        before, self.app = self.app, edited(rng, self.app)
        names = sorted(key for key in before.keys() | self.app.keys() if before.get(key) != self.app.get(key))
        return f"app: {', '.join(names) or 'nothing'}"

    def _edit_db(self, rng: random.Random) -> str:
        self.db = {**self.db, "variables": {**self.db["variables"], "PGPORT": str(rng.randrange(5000, 5010))}}
        return "db: PGPORT"

    def _edit_shared(self, rng: random.Random) -> str:
        self.shared = {"MODE": rng.choice(("plain", "loud")), **({"TIER": "1"} if rng.random() < 0.5 else {})}
        return f"shared: {', '.join(self.shared)}"

    def _edit_parts(self, rng: random.Random) -> str:
        part = rng.choice(_OPTIONAL)
        self.parts ^= {part}
        return f"{'with' if part in self.parts else 'without'} {part}"

    def _edit_mount(self, rng: random.Random) -> str:
        self.mount = rng.choice(("/data", "/elsewhere"))
        return f"mount {self.mount}"

    def _edit_port(self, rng: random.Random) -> str:
        self.port = rng.choice((8080.0, 3000.0))
        return f"port {self.port:g}"

    def _edit_unmanaged(self, rng: random.Random) -> str:
        self.unmanaged = rng.choice(("keep", "remove"))
        return f"unmanaged variables: {self.unmanaged}"

    def _edit_data(self, rng: random.Random) -> str:
        self.data = rng.choice((DELETE, REFUSE))
        return f"data on destroy: {self.data}"

    def specs(self) -> list[Spec]:
        """Return the resources, each after what it needs."""
        return list(self._specs())

    def _specs(self) -> Iterator[Spec]:
        yield Spec("project", ProjectProvider, lambda _: {"name": PROJECT}, ())
        yield Spec("environment", EnvironmentProvider, _environment, ("project",))
        yield Spec("shared", SharedVariablesProvider, self._shared, ("project", "environment"))
        yield from self._service(DB, self.db, with_volume=True)
        yield from self._service(APP, self.app, with_volume=False)
        yield Spec(
            "deployments",
            DeploymentProvider,
            self._deployments,
            ("project", "environment", "app/service", "db/service", "app/instance", "db/instance"),
        )
        everything = tuple(part for part in _ALL if part not in _OPTIONAL or part in self.parts)
        yield Spec("gate", DestroyGateProvider, _gate, everything)

    def _service(self, name: str, config: Props, *, with_volume: bool) -> Iterator[Spec]:
        place, service = ("project", "environment"), f"{name}/service"
        yield Spec(service, ServiceProvider, lambda view: {**_ids(view), "name": name}, place)
        needs = (*place, service)
        before = [service]

        def part(key: str, kind: type[RailwayProvider], own: Props) -> Iterator[Spec]:
            if key in self.parts or kind is VolumeProvider:
                before.append(key)
                yield Spec(key, kind, lambda view: {**_at(view, name), **own}, needs)

        if with_volume:
            yield from part(f"{name}/volume", VolumeProvider, {"mountPath": self.mount})
        yield from part(f"{name}/domain", ServiceDomainProvider, {"targetPort": self.port})
        yield from part(f"{name}/custom", CustomDomainProvider, {"domain": CUSTOM, "targetPort": self.port})
        yield from part(f"{name}/proxy", TcpProxyProvider, {"applicationPort": 5432.0})
        more = ("shared", "db/instance") if name == APP else ()
        yield Spec(
            f"{name}/instance",
            ServiceInstanceProvider,
            lambda view: {
                **_place(view, name),
                **copy.deepcopy(config),
                "unmanagedVariables": self.unmanaged,
                "bound": self._bound(view, name, with_volume=with_volume),
            },
            (*place, *before, *more),
        )

    def _bound(self, view: View, name: str, *, with_volume: bool) -> Props | None:
        """Return what a deployment takes up when it starts."""
        found: Props = {}
        if with_volume:
            found["volumes"] = {self.mount: view(f"{name}/volume", "volumeId")}
        for part, kind, key, output in (
            ("domain", "serviceDomains", "", "domain"),
            ("custom", "customDomains", CUSTOM, "id"),
            ("proxy", "tcpProxies", "5432", "id"),
        ):
            if f"{name}/{part}" in self.parts:
                found[kind] = {key: view(f"{name}/{part}", output)}
        return found or None

    def _shared(self, view: View) -> Props:
        owned = view("environment", "owned")
        return {**_ids(view), "variables": dict(self.shared), "environmentOwned": owned}

    def _deployments(self, view: View) -> Props:
        services = [
            {
                "name": name,
                "serviceId": view(f"{name}/service", "serviceId"),
                "deploymentId": view(f"{name}/instance", "deploymentId"),
                "image": config.get("image"),
            }
            for name, config in ((DB, self.db), (APP, self.app))
        ]
        return {**_ids(view), "services": services, "timeoutSeconds": 60.0}


def _environment(view: View) -> Props:
    return {
        "projectId": view("project", "projectId"),
        "name": ENVIRONMENT,
        "baseEnvironmentId": view("project", "baseEnvironmentId"),
        "disposablePrefix": PREFIX,
    }


def _ids(view: View) -> Props:
    return {"projectId": view("project", "projectId"), "environmentId": view("environment", "environmentId")}


def _place(view: View, name: str) -> Props:
    return {**_ids(view), "service": name, "serviceId": view(f"{name}/service", "serviceId")}


def _at(view: View, name: str) -> Props:
    return {**_place(view, name), "serviceOwned": view(f"{name}/service", "owned")}


def _gate(view: View) -> Props:
    def row(key: str, name: str) -> Props:
        return {"id": view(key, "id"), "name": name, "owned": view(key, "owned")}

    return {
        **_ids(view),
        "environmentOwned": view("environment", "owned"),
        "services": [row("db/service", DB), row("app/service", APP)],
        "volumes": [row("db/volume", DB)],
        "agentPrefix": PREFIX,
    }
