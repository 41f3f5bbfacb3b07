"""Volumes, domains, proxies and tokens of ten services at once: each gets its own, once, whatever answer is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from convos_infra.railway.resources.project_token import ProjectTokenProvider
from convos_infra.railway.resources.service_domain import ServiceDomainProvider
from convos_infra.railway.resources.tcp_proxy import TcpProxyProvider
from convos_infra.railway.resources.volume import VolumeProvider
from convos_infra.railway.session import RailwayProvider
from tests.colleague.inside import Documents, Inside, emulator_inside
from tests.railway.fix_resources import Props
from tests.railway.ten_services import COUNT, NAMES, Runs, at_once, configured, ten_services

KINDS: dict[type[RailwayProvider], tuple[str, Props]] = {
    VolumeProvider: ("volume_instance", {"mountPath": "/data"}),
    ServiceDomainProvider: ("domain", {}),
    TcpProxyProvider: ("tcp_proxy", {"applicationPort": 5432.0}),
    ProjectTokenProvider: ("project_token", {}),
}
POSITIONS = (0, 6, 12, 18)
"""How many calls go through before the one whose answer is lost."""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with emulator_inside(tmp_path_factory.mktemp("parts")) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def start(emulator: Inside) -> tuple[Documents, Runs]:
    runs = ten_services(emulator, in_a_fork=True)
    return emulator.documents(), runs


@pytest.fixture
def runs(emulator: Inside, start: tuple[Documents, Runs]) -> Runs:
    emulator.restore(start[0])
    return Runs(emulator, start[1].ids, start[1].services)


def made(runs: Runs, kind: type[RailwayProvider], names: list[str]) -> dict[str, Exception]:
    """Create one for each of these services at once; returns what went wrong."""
    provider = configured(kind, runs.session())

    def inputs(name: str) -> Props:
        own = {"name": name} if kind is ProjectTokenProvider else {"serviceId": runs.services[name], "service": name}
        return {**runs.ids, **own, **KINDS[kind][1]}

    return at_once({name: lambda name=name: provider.created(inputs(name)) for name in names})


def owners(runs: Runs, kind: type[RailwayProvider]) -> list[str]:
    rows = runs.emulator.store.all(KINDS[kind][0])
    return sorted(str(row.get("serviceId") or row.get("name")) for row in rows)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_service_gets_its_own(runs: Runs, kind: type[RailwayProvider]) -> None:
    runs.is_slow = kind is TcpProxyProvider
    assert made(runs, kind, NAMES) == {}
    expected = NAMES if kind is ProjectTokenProvider else list(runs.services.values())
    assert owners(runs, kind) == sorted(expected)
    assert runs.calls["environmentPatchCommit"] <= (COUNT // 2 if kind is TcpProxyProvider else 0)


@pytest.mark.parametrize("fault", ["lost_answer", "opaque"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_lost_answer_makes_nothing_twice(runs: Runs, kind: type[RailwayProvider], fault: str) -> None:
    before = runs.emulator.documents()
    for position in POSITIONS:
        runs.emulator.restore(before)
        runs.emulator.plant(fault, after=position, times=1)
        wrong = made(runs, kind, NAMES)
        runs.emulator.heal()
        assert made(runs, kind, list(wrong)) == {} if wrong else True
        expected = NAMES if kind is ProjectTokenProvider else list(runs.services.values())
        assert owners(runs, kind) == sorted(expected), position
