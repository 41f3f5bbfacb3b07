"""One emulator for this folder; each test works in a project of its own."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from emulator.settings import Settings
from tests.emulator.behaviours import OTHER
from tests.emulator.fix_emulator import Emulator, EmulatorError, running_emulator
from tests.railway.answering_pool import Pool, answering_pool
from tests.railway.fix_resources import Place, Runs, place
from tests.railway.small_stack import SmallStack, two_services
from tests.railway.stack_double import StackDouble


@pytest.fixture(scope="session")
def shared_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running_emulator(tmp_path_factory.mktemp("railway"), deploy_step_seconds=0) as shared:
        yield shared


@pytest.fixture
def railway_emulator(shared_emulator: Emulator) -> Emulator:
    """The emulator without anything in it.

    A deleted project stays in the list of a workspace's projects: after those of four hundred tests the emulator took
    seven times as long to make one more.
    """
    shared_emulator.admin("DELETE", "/snapshot")
    return shared_emulator


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Play a test that rests on disputed beliefs under the other behaviours as well."""
    marks = list(metafunc.definition.iter_markers("disputed"))
    if marks:
        metafunc.fixturenames.insert(0, "behaviour")
        metafunc.fixturenames[:] = list(dict.fromkeys(metafunc.fixturenames))
        settings = ("", *(setting for mark in marks for setting in mark.args))
        metafunc.parametrize("behaviour", settings, ids=[setting or "default" for setting in settings], indirect=True)


@contextlib.contextmanager
def _believing(emulator: Emulator, settings: Mapping[str, Any]) -> Iterator[None]:
    """Let settings of the shared emulator be others for a while."""
    now = emulator.admin("GET", "/settings")
    emulator.settings(**settings)
    try:
        yield
    finally:
        emulator.settings(**{name: now[name] for name in settings})


@pytest.fixture(autouse=True)
def believed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the settings that a test is marked with be the default ones, in `make strict` too."""
    names = [name for mark in request.node.iter_markers("believed") for name in mark.args]
    with contextlib.ExitStack() as stack:
        if names:
            emulator = request.getfixturevalue("railway_emulator")
            stack.enter_context(_believing(emulator, {name: getattr(Settings(), name) for name in names}))
        yield


@pytest.fixture
def behaviour(
    request: pytest.FixtureRequest, railway_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Let a disputed setting be the other one; a test that does not rest on it is marked for nothing, and fails."""
    setting, rests_on = str(request.param), set[str]()
    forget = Emulator.forget_calls

    def collect(emulator: Emulator) -> None:
        rests_on.update(name for call in emulator.calls() for name in call["disputed"])
        forget(emulator)

    marked = {name for mark in request.node.iter_markers("disputed") for name in mark.args}
    chosen = {name: OTHER[name] if name == setting else getattr(Settings(), name) for name in marked}
    with _believing(railway_emulator, chosen):
        if not setting:
            yield setting
            return
        monkeypatch.setattr(Emulator, "forget_calls", collect)
        railway_emulator.forget_calls()
        rests_on.clear()
        yield setting
    railway_emulator.forget_calls()
    assert setting in rests_on


@pytest.fixture
def runs(railway_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    railway_emulator.forget_calls()
    yield Runs(railway_emulator, monkeypatch)
    railway_emulator.admin("DELETE", "/faults")


@pytest.fixture
def at(runs: Runs) -> Iterator[Place]:
    found = place(runs, f"p-{uuid.uuid4().hex[:12]}")
    runs.emulator.forget_calls()
    yield found
    # Its domains' names are everybody's: the next test may want the same ones.
    runs.emulator.admin("DELETE", "/faults")
    with contextlib.suppress(EmulatorError):
        runs.emulator.run("mutation d($id: String!) { projectDelete(id: $id) }", id=found.project.id)


@pytest.fixture
def stack(runs: Runs) -> Iterator[SmallStack]:
    """Two services of a stack of its own, brought up; their project is deleted afterwards, whatever became of them."""
    made = SmallStack(runs, two_services(f"s-{uuid.uuid4().hex[:12]}"))
    made.up()
    project = made.state["project"].id
    yield made
    with contextlib.suppress(EmulatorError):
        runs.emulator.run("mutation d($id: String!) { projectDelete(id: $id) }", id=project)


@pytest.fixture
def pool() -> Iterator[Pool]:
    with answering_pool() as pool:
        yield pool


@pytest.fixture
def new(
    railway_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, pool: Pool
) -> Iterator[Callable[..., StackDouble]]:
    name = f"m-{uuid.uuid4().hex[:12]}"
    domain = f"{name}.example.org"
    monkeypatch.delenv("DATA_ON_DESTROY", raising=False)
    monkeypatch.delenv("AGENTS_ON_DESTROY", raising=False)
    monkeypatch.setattr("convos_infra.destroy.gate.DATABASE_SECONDS", 0.2)

    def one(**more: Any) -> StackDouble:
        config = {"dataOnDestroy": "delete"}
        return StackDouble(railway_emulator, monkeypatch, name, pool, config, domain=domain, **more)

    yield one
    for found in railway_emulator.admin("GET", "/snapshot")["projects"]:
        if found["name"] == name:
            railway_emulator.run("mutation d($id: String!) { projectDelete(id: $id) }", id=found["id"])
