"""A volume for a service that runs: mounted by the one deployment that the preview announced, whatever Railway does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.resources.volume import VolumeProvider
from emulator.settings import Settings
from railway_api.failure import Failure
from tests.emulator.behaviours import OTHER
from tests.railway.fix_resources import Made, Place, refreshed
from tests.railway.resource_cases import CASES

SETTING = "volume_create_deploys"


@pytest.fixture
def running(request: pytest.FixtureRequest, at: Place) -> Iterator[Place]:
    """A place whose service runs, on a Railway that deploys it for a new volume unless a test says otherwise."""
    now = at.runs.emulator.admin("GET", "/settings")[SETTING]
    at.runs.emulator.settings(**{SETTING: getattr(request, "param", OTHER[SETTING])})
    at.runs.create(ServiceInstanceProvider, CASES["ServiceInstance"].inputs(at))
    at.runs.emulator.forget_calls()
    yield at
    at.runs.emulator.settings(**{SETTING: now})


def _volume(at: Place) -> Made:
    return at.runs.create(VolumeProvider, {**at.at, "mountPath": "/data"})


def _volumes(at: Place) -> Sequence[tuple[str, str]]:
    rows = at.runs.emulator.admin("GET", f"/snapshot?environment={at.environment.id}")["volume_instance"]
    return [(row["serviceId"] or "", row["mountPath"]) for row in rows]


@pytest.mark.parametrize("running", [getattr(Settings(), SETTING), OTHER[SETTING]], indirect=True)
def test_it_deploys_nothing_by_itself_and_is_mounted_by_the_next_deployment(running: Place) -> None:
    runs = running.runs
    made = _volume(running)
    assert runs.deployments() == 0
    assert _volumes(running) == [(running.service.id, "/data")]
    read = refreshed(running, made)
    assert not runs.differs(read, made.inputs)
    assert read.outputs["owned"] is True


@pytest.mark.parametrize("operation", ["volumeCreate", "environmentPatchCommit"])
def test_an_answer_that_is_lost_makes_no_second_volume(running: Place, operation: str) -> None:
    running.runs.emulator.fault("lost_answer", operation=operation)
    _volume(running)
    assert running.runs.deployments() == 0
    assert _volumes(running) == [(running.service.id, "/data")]


def test_an_interrupted_creation_is_completed_with_the_volume_that_it_left(running: Place) -> None:
    for operation in ("environmentPatchCommit", "volumeInstanceUpdate"):
        running.runs.emulator.fault("not_authorized", operation=operation, times=20)
    with pytest.raises(Failure, match="volume of web"):
        _volume(running)
    left = _volumes(running)
    assert [service for service, _ in left] == [""]
    running.runs.emulator.admin("DELETE", "/faults")
    _volume(running)
    assert running.runs.deployments() == 0
    assert _volumes(running) == [(running.service.id, "/data")]


def test_a_refused_patch_is_not_the_end(running: Place) -> None:
    running.runs.emulator.fault("not_authorized", operation="environmentPatchCommit", times=20)
    _volume(running)
    assert running.runs.deployments() == 0
    assert _volumes(running) == [(running.service.id, "/data")]
    running.runs.emulator.admin("DELETE", "/faults")


def test_a_disconnected_volume_of_others_is_left_alone(running: Place) -> None:
    create = "mutation v($i: VolumeCreateInput!) { volumeCreate(input: $i) { id } }"
    running.runs.emulator.run(create, i={**running.ids, "mountPath": "/data"})
    _volume(running)
    assert sorted(_volumes(running)) == sorted([("", "/data"), (running.service.id, "/data")])


def test_a_new_service_gets_its_volume_in_one_call(at: Place) -> None:
    at.runs.emulator.forget_calls()
    _volume(at)
    assert at.runs.mutations() == ["volumeCreate"]
