"""Ten services at once in one process: they share patches, and each keeps its own deployment, refusal and read back.

A fault at each call in turn, then a run without faults, as the next one would be. GROUP_FAULTS=all tries all faults
that the emulator knows, in both kinds of environment.
"""

from __future__ import annotations

import contextlib
import copy
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from convos_infra.errors import InfraError
from convos_infra.railway.bring import Bringing, bring_all
from convos_infra.railway.reference_check import ReferenceWait
from convos_infra.railway.resources.environment import EnvironmentProvider
from convos_infra.railway.resources.project import ProjectProvider
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.session import RailwayProvider, Session
from convos_infra.railway.snapshot import Snapshot
from emulator.faults import KINDS
from railway_api.failure import Failure
from tests.colleague.inside import ADDRESS, Documents, Inside, emulator_inside
from tests.railway.fix_resources import IMAGE, OTHER_IMAGE, Made, Props

COUNT = 10
NAMES = [f"s{number}" for number in range(COUNT)]
FEW = ("lost_answer", "drop_before", "opaque", "not_authorized")
EVERY = os.environ.get("GROUP_FAULTS") == "all"
MOST_PATCHES = COUNT // 2
"""How many share a patch depends on the threads, and those on what else the machine does."""
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
        is_slow: whether a wait takes real time, so that a turn gathers everybody.
    """

    emulator: Inside
    ids: Props
    services: dict[str, str]
    state: dict[str, Made] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    is_slow: bool = False

    def session(self) -> Session:
        """Return the session of a new process, and count its calls from now on."""
        self.calls.clear()
        self.emulator.after = lambda _, operation: self.calls.update([operation])
        session = self.emulator.session(lambda _: None)
        if self.is_slow:
            session.client.sleep = time.sleep
        return session

    def up(self, wanted: Sequence[str], **more: Any) -> dict[str, Exception]:
        """Bring services to an image and variables, all at once; returns what went wrong, by service."""
        session, begun = self.session(), dict[str, Callable[[], Any]]()
        for name in wanted:
            begun[name] = self._begun(session, name, {**self._inputs(name), **more})
        return at_once(begun)

    def _inputs(self, name: str) -> Props:
        mine = {"serviceId": self.services[name], "service": name, "unmanagedVariables": "keep"}
        return {**self.ids, **mine, "image": IMAGE, "variables": {"NAME": name}}

    def _begun(self, session: Session, name: str, news: Props) -> Callable[[], None]:
        provider, old = configured(ServiceInstanceProvider, session), self.state.get(name)
        inputs, failures = provider.checked(old.inputs if old else {}, copy.deepcopy(news))
        assert failures == []

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


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with emulator_inside(tmp_path_factory.mktemp("group")) as emulator:
        yield emulator


@pytest.fixture(scope="module", params=["fork", "no fork"])
def start(emulator: Inside, request: pytest.FixtureRequest) -> tuple[Documents, Props, dict[str, str]]:
    """An environment with ten empty services."""
    emulator.restore({})
    session = emulator.session(lambda _: None)
    project = configured(ProjectProvider, session).create({"name": "ten"})
    ids = {"projectId": project.id, "environmentId": str((project.outs or {})["baseEnvironmentId"])}
    if request.param == "fork":
        made = {"projectId": project.id, "name": "test", "baseEnvironmentId": ids["environmentId"]}
        ids["environmentId"] = configured(EnvironmentProvider, session).create(made).id
    provider = configured(ServiceProvider, session)
    begun = {
        name: lambda name=name: services.update({name: provider.created({**ids, "name": name}).id}) for name in NAMES
    }
    services: dict[str, str] = {}
    assert at_once(begun) == {}
    assert len(set(services.values())) == COUNT
    return emulator.documents(), ids, services


@pytest.fixture
def runs(emulator: Inside, start: tuple[Documents, Props, dict[str, str]]) -> Runs:
    documents, ids, services = start
    emulator.restore(documents)
    return Runs(emulator, ids, services)


def patches(runs: Runs) -> int:
    """Return how many patches the last run took."""
    return sum(count for name, count in runs.calls.items() if name.startswith("environmentPatch"))


def test_ten_services_share_patches_and_each_is_deployed_once(runs: Runs) -> None:
    runs.is_slow = True
    assert runs.up(NAMES) == {}
    assert runs.deployments() == dict.fromkeys(NAMES, 1)
    assert patches(runs) <= MOST_PATCHES
    assert runs.up(NAMES, image=OTHER_IMAGE) == {}
    assert runs.deployments() == dict.fromkeys(NAMES, 2)
    assert patches(runs) <= MOST_PATCHES
    assert runs.up(NAMES, image=OTHER_IMAGE) == {}
    assert runs.calls == {}
    assert runs.down() == {}
    assert runs.living() == set()
    assert patches(runs) <= MOST_PATCHES
    is_fork = "serviceDelete" in runs.calls
    rows = [runs.emulator.store.get("service", id_) for id_ in runs.services.values()]
    assert {bool(row and row.get("deletedAt")) for row in rows} == {is_fork}, "a fork leaves no service in the project"


@pytest.mark.parametrize("bad", [["s0"], ["s9"], ["s3", "s4"], ["s1", "s8"], NAMES[:9]], ids=len)
def test_what_railway_refuses_of_one_service_does_not_take_the_others_along(runs: Runs, bad: list[str]) -> None:
    assert runs.up(NAMES) == {}
    session, begun = runs.session(), dict[str, Callable[[], Any]]()
    for name in NAMES:
        begun[name] = runs._begun(session, name, {**runs._inputs(name), "image": OTHER_IMAGE})
    for name in bad:
        old = runs.state[name]
        news = {**old.inputs, "variables": {**old.inputs["variables"], **BAD}, "deploys": "x (change 9)"}
        news["change"] = {"number": 9, "deployments": 1, "because": ["x"]}
        provider = configured(ServiceInstanceProvider, session)
        begun[name] = lambda provider=provider, old=old, news=news: provider.updated(old.id, old.outputs, news)
    wrong = at_once(begun)
    assert set(wrong) == set(bad)
    assert all(str(error).startswith(f"{name}: Railway says ") for name, error in wrong.items())
    assert runs.deployments() == {name: 1 if name in bad else 2 for name in NAMES}


def test_what_somebody_changed_of_one_service_stops_that_one_alone(runs: Runs) -> None:
    assert runs.up(NAMES) == {}
    patch = {"services": {runs.services["s5"]: {"variables": {"NAME": {"value": "theirs"}}}}}
    document = "mutation p($e: String!, $p: EnvironmentConfig) { environmentPatchCommit(environmentId: $e, patch: $p) }"
    session, begun = runs.session(), dict[str, Callable[[], Any]]()
    for name in NAMES:
        begun[name] = runs._begun(session, name, {**runs._inputs(name), "variables": {"NAME": f"{name}!"}})
    assert "errors" not in runs.emulator.send(document, {"e": runs.ids["environmentId"], "p": patch})
    wrong = at_once(begun)
    assert list(wrong) == ["s5"]
    assert isinstance(wrong["s5"], InfraError)
    assert "NAME changed outside this stack" in str(wrong["s5"])
    assert runs.deployments() == dict.fromkeys(NAMES, 2), "theirs made one of s5"


def test_the_next_turn_sees_what_a_service_has_stored_that_still_waits(runs: Runs) -> None:
    session, members = runs.session(), dict[str, Bringing]()
    for name in ("s0", "s1"):
        configured(ServiceProvider, session).checked({}, {**runs.ids, "name": name})
    for name, other in (("s0", "s1"), ("s1", "s0")):
        news = {**runs._inputs(name), "variables": {"NAME": name, "OTHER": f"${{{{{other}.NAME}}}}"}}
        inputs, failures = configured(ServiceInstanceProvider, session).checked({}, news)
        assert failures == []
        members[name] = Bringing({}, inputs, ReferenceWait(session))
    for name in ("s0", "s1"):
        bring_all(session, [members[name]])
        assert isinstance(members[name].outcome, list), "it waits for the other, and the second one gives first"
    for name in ("s0", "s1"):
        bring_all(session, [members[name]])
        assert isinstance(members[name].outcome, Snapshot)
    assert runs.deployments() == {"s0": 1, "s1": 1}


@pytest.mark.parametrize("start", ["fork", "no fork"] if EVERY else ["fork"], indirect=True)
@pytest.mark.parametrize("kind", KINDS if EVERY else FEW)
def test_a_fault_at_any_call_leaves_nothing_doubled_and_the_next_run_brings_the_rest(runs: Runs, kind: str) -> None:
    before, tried = runs.emulator.documents(), 0
    for operation, wanted in (("create", 1), ("update", 2), ("remove", 2)):
        for position in range(20):
            runs.emulator.restore(before)
            state = copy.copy(runs.state)
            runs.emulator.plant(kind, after=position, times=1)
            act = {
                "create": lambda: runs.up(NAMES),
                "update": lambda: runs.up(NAMES, image=OTHER_IMAGE),
                "remove": runs.down,
            }[operation]
            with contextlib.suppress(Failure):
                act()
            hit = not runs.emulator.endpoint._faults._planted
            runs.emulator.heal()
            assert act() == {}
            assert runs.deployments() == dict.fromkeys(NAMES, wanted), (operation, position)
            assert runs.living() == (set() if operation == "remove" else set(NAMES))
            tried += hit
            if not hit:
                break
            runs.state = state
        else:
            pytest.fail("more than twenty calls for ten services")
        before = runs.emulator.documents()
    assert tried > 5
