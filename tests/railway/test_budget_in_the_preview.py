"""A preview says in one line how many calls the update takes, and how many Railway's limit leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from pulumi.runtime.rpc import UNKNOWN

from convos_infra.destroy.gate import DestroyGateProvider
from convos_infra.railway import budget
from convos_infra.railway.resources.project import ProjectProvider
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.session import RailwayProvider, Session
from railway_api.retry import Allowance
from tests.colleague.inside import ADDRESS, Inside, emulator_inside
from tests.railway.fix_resources import IMAGE, Props


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with emulator_inside(tmp_path_factory.mktemp("budget")) as emulator:
        yield emulator


def provider(kind: type[RailwayProvider], session: Session) -> RailwayProvider:
    made = kind()
    made._config = {"railwayEndpoint": ADDRESS, "railwayToken": "given"}  # type: ignore[assignment]
    made.session = lambda: session  # type: ignore[method-assign]
    return made


def previewed(emulator: Inside, ids: Props, names: list[str]) -> list[str]:
    """Check new services, and the gate after them; returns what was said."""
    said: list[str] = []
    session = emulator.session(said.append)
    for name in names:
        provider(ServiceProvider, session).check({}, {**ids, "name": name})
        news = {**ids, "serviceId": UNKNOWN, "service": name, "image": IMAGE, "unmanagedVariables": "keep"}
        assert not provider(ServiceInstanceProvider, session).check({}, news).failures
    provider(DestroyGateProvider, session).check({}, {**ids})
    return [line for line in said if "calls to Railway" in line]


def test_the_line_has_what_is_needed_and_what_is_left(emulator: Inside) -> None:
    before = emulator.world.settings.current
    made = provider(ProjectProvider, emulator.session(lambda _: None)).create({"name": "budget"})
    ids = {"projectId": made.id, "environmentId": str((made.outs or {})["baseEnvironmentId"])}
    try:
        emulator.world.settings.current = replace(before, requests_per_hour=1000)
        [line] = previewed(emulator, ids, [f"s{number}" for number in range(50)])
        needed = budget.calls({"Service": 50}, 50)
        assert 50 < needed <= 70
        assert line.startswith(f"this update takes about {needed} calls to Railway, ")
        assert "; 1000 an hour are allowed, and 99" in line
        assert previewed(emulator, ids, []) == [], "an update that changes nothing needs no budget"
        emulator.world.settings.current = replace(before, requests_per_hour=20)
        [line] = previewed(emulator, ids, [f"s{number}" for number in range(50)])
        assert ": it will stop when they are used up, and pulumi up after " in line
    finally:
        emulator.world.settings.current = before


@pytest.mark.parametrize("left", [None, Allowance(5)])
def test_no_limit_is_named_that_railway_has_not_told(left: Allowance | None) -> None:
    assert budget.text(12, left).endswith("about 12 calls to Railway, not counting the waits for deployments")


def test_a_budget_grows_with_what_is_new_and_with_nothing_else() -> None:
    assert budget.calls({}, 0) == budget.calls({"Deployment": 1, "DestroyGate": 1}, 0) == 0
    counts = [budget.calls({}, changed) for changed in (1, 32, 33, 200)]
    assert counts == sorted(counts)
    assert counts[-1] < 30
