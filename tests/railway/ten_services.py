"""Ten services of one environment, all of them changed at once in one process, over one state."""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from convos_infra.railway.change import announced
from convos_infra.railway.resources.environment import EnvironmentProvider
from convos_infra.railway.resources.project import ProjectProvider
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.session import RailwayProvider, Session
from railway_api.failure import Failure
from tests.colleague.inside import ADDRESS, Inside
from tests.railway.fix_resources import IMAGE, Made, Props

COUNT = 10
NAMES = [f"s{number}" for number in range(COUNT)]
BAD = {"not a name!": "x"}
"""What Railway refuses, and the check of an input does as well: it comes in behind that."""


@dataclass
class Runs:
    """Runs of ten resources each, over one state.

    Attributes:
        emulator: where they are.
        ids, services: the environment, and the services in it by name.
        state: what is recorded of each.
        calls: how often the last run sent each operation.
        promised: how many deployments the checks of the last change have announced, by service.
        is_slow: whether a wait takes real time, so that a turn gathers everybody.
    """

    emulator: Inside
    ids: Props
    services: dict[str, str]
    state: dict[str, Made] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    promised: Counter[str] = field(default_factory=Counter)
    is_slow: bool = False

    def session(self) -> Session:
        """Return the session of a new process that has checked all ten; its calls are counted from now on."""
        self.calls.clear()
        self.emulator.after = lambda _, operation: self.calls.update([operation])
        session = self.emulator.session(lambda _: None)
        session.run.services.update((self.ids["environmentId"], name) for name in self.services)
        if self.is_slow:
            session.client.sleep, session.client.clock = time.sleep, time.monotonic
            # Its groups keep the functions by which they wait.
            session.__post_init__()
        return session

    def up(self, wanted: Sequence[str], **more: Any) -> dict[str, Exception]:
        """Bring services to an image and variables, all at once; returns what went wrong, by service."""
        return self.change({name: {**self.inputs(name), **more} for name in wanted})

    def change(self, wanted: dict[str, Props]) -> dict[str, Exception]:
        """Bring services to inputs, all at once; returns what went wrong, by service."""
        session, begun = self.session(), dict[str, Callable[[], Any]]()
        self.promised.clear()
        for name, news in wanted.items():
            begun[name] = self.begun(session, name, news)
        return at_once(begun)

    def inputs(self, name: str) -> Props:
        mine = {"serviceId": self.services[name], "service": name, "unmanagedVariables": "keep"}
        return {**self.ids, **mine, "image": IMAGE, "variables": {"NAME": name}}

    def begun(self, session: Session, name: str, news: Props) -> Callable[[], None]:
        provider, old = configured(ServiceInstanceProvider, session), self.state.get(name)
        inputs, failures = provider.checked(old.inputs if old else {}, copy.deepcopy(news))
        assert failures == []
        self.promised[name] = announced(old.outputs if old else {}, inputs)

        def run() -> None:
            if old is None:
                made = provider.created(copy.deepcopy(inputs))
                id_, outputs = made.id, dict(made.outs or {})
            elif provider.changed(old.id, old.outputs, inputs).changes:
                id_ = old.id
                outputs = dict(provider.updated(id_, copy.deepcopy(old.outputs), copy.deepcopy(inputs)).outs or {})
            else:
                return
            self.state[name] = Made(ServiceInstanceProvider, id_, outputs, inputs)

        return run

    def down(self) -> dict[str, Exception]:
        """Remove all services at once; returns what went wrong, by service."""
        session = self.session()
        provider = configured(ServiceProvider, session)
        return at_once(
            {
                name: lambda name=name, id_=id_: provider.deleted(id_, {**self.ids, "name": name, "owned": True})
                for name, id_ in self.services.items()
            }
        )

    def deployments(self) -> Counter[str]:
        """Return how many deployments each service has had."""
        names = {id_: name for name, id_ in self.services.items()}
        rows = self.emulator.store.all("deployment", lambda row: row["serviceId"] in names)
        return Counter(names[row["serviceId"]] for row in rows)

    def living(self) -> set[str]:
        """Return which services have an instance."""
        environment = self.emulator.store.get("environment", self.ids["environmentId"])
        assert environment is not None
        return {name for name, id_ in self.services.items() if id_ in environment["config"]["services"]}


def configured(kind: type[RailwayProvider], session: Session) -> RailwayProvider:
    """Return a provider of a process."""
    made = kind()
    made._config = {"railwayEndpoint": ADDRESS, "railwayToken": "given", "dataOnDestroy": "delete"}  # type: ignore[assignment]
    made.session = lambda: session  # type: ignore[method-assign]
    return made


def at_once(begun: dict[str, Callable[[], Any]]) -> dict[str, Exception]:
    """Run everything side by side; returns what went wrong."""
    with ThreadPoolExecutor(len(begun)) as pool:
        running = {name: pool.submit(run) for name, run in begun.items()}
    found = {name: future.exception() for name, future in running.items()}
    assert all(isinstance(error, Failure | None) for error in found.values()), found
    return {name: error for name, error in found.items() if isinstance(error, Exception)}


def ten_services(emulator: Inside, *, in_a_fork: bool) -> Runs:
    """Return an environment with ten empty services, in an emulator without anything else."""
    emulator.restore({})
    session = emulator.session(lambda _: None)
    project = configured(ProjectProvider, session).create({"name": "ten"})
    ids = {"projectId": project.id, "environmentId": str((project.outs or {})["baseEnvironmentId"])}
    if in_a_fork:
        made = {"projectId": project.id, "name": "test", "baseEnvironmentId": ids["environmentId"]}
        ids["environmentId"] = configured(EnvironmentProvider, session).create(made).id
    provider = configured(ServiceProvider, session)
    services: dict[str, str] = {}
    begun = {
        name: lambda name=name: services.update({name: provider.created({**ids, "name": name}).id}) for name in NAMES
    }
    assert at_once(begun) == {}
    assert len(set(services.values())) == COUNT
    return Runs(emulator, ids, services)
