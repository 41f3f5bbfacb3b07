"""A deleted volume that can still be restored: the loudest drift, and no empty one in its place unless told so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from convos_infra.railway import pending
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.resources.volume import VolumeProvider
from convos_infra.railway.snapshot import Snapshot
from tests.railway.fix_resources import Made, Place, refreshed
from tests.railway.resource_cases import CASES, instance

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
DELETE = "mutation d($id: String!) { volumeDelete(volumeId: $id) }"
MOUNT = """mutation u($v: String!, $e: String, $input: VolumeInstanceUpdateInput!) {
  volumeInstanceUpdate(volumeId: $v, environmentId: $e, input: $input)
}"""


def with_data(at: Place) -> Made:
    """Return a volume of the service, with data in it."""
    made = at.runs.create(VolumeProvider, CASES["Volume"].inputs(at))
    (row,) = at.runs.emulator.admin("GET", f"/snapshot?environment={at.environment.id}")["volume_instance"]
    at.runs.emulator.admin("POST", "/volume_instances", {"id": row["id"], "currentSizeMB": 48})
    return made


def refusals(at: Place, news: dict[str, Any], olds: dict[str, Any]) -> list[str]:
    return [one.reason for one in at.runs.provider(VolumeProvider).checked(olds, news)[1]]


def test_a_refresh_records_a_pending_deletion_and_says_how_long_it_can_be_restored(at: Place) -> None:
    runs = at.runs
    made = with_data(at)
    runs.emulator.run(DELETE, id=made.id)
    runs.mutations()
    read = refreshed(at, made)
    assert read.id == made.id
    assert runs.drift(made, read), "a refresh shows it"
    assert runs.said[-1].startswith("volume of web: Railway is deleting it; its data can be restored for 47 more hours")
    assert not runs.drift(read, refreshed(at, read)), "once"
    assert runs.mutations() == []


def test_no_empty_volume_comes_in_the_place_of_one_with_data_and_the_way_back_is_said(at: Place) -> None:
    runs, wanted = at.runs, CASES["Volume"].inputs(at)
    made = with_data(at)
    runs.emulator.run(DELETE, id=made.id)
    read = refreshed(at, made)
    (reason,) = refusals(at, wanted, read.inputs)
    assert "use the link in Railway's e-mail about the deletion, then run pulumi refresh" in reason
    assert "pulumi config set replaceVolume web" in reason
    # Nor where the state knows nothing of it: an environment that is taken over, or a refresh of an older release.
    (reason,) = refusals(at, wanted, {})
    assert "its data can be restored" in reason


def test_an_empty_volume_takes_its_place_once_the_stack_says_so_by_name(at: Place) -> None:
    runs = at.runs
    wanted = {**CASES["Volume"].inputs(at), "replaceDeleted": True}
    made = with_data(at)
    runs.emulator.run(DELETE, id=made.id)
    read = refreshed(at, made)
    inputs = runs.checked(VolumeProvider, wanted, read.inputs)
    diff = runs.provider(VolumeProvider).changed(read.id, read.outputs, inputs)
    assert diff.replaces == ["pendingDeletion"]
    runs.mutations()
    anew = runs.create(VolumeProvider, wanted)
    runs.delete(read)
    assert anew.id != made.id
    assert runs.mutations() == ["volumeCreate"]
    assert not runs.differs(refreshed(at, anew), wanted)


def test_a_state_without_the_input_and_a_volume_that_lives_are_no_difference(at: Place) -> None:
    runs, wanted = at.runs, CASES["Volume"].inputs(at)
    made = with_data(at)
    assert not runs.differs(made, wanted)
    assert not runs.differs(made, {**wanted, "replaceDeleted": True})
    assert "pendingDeletion" not in refreshed(at, made).inputs


def test_a_volume_without_data_or_of_another_service_keeps_nobody_from_a_new_one(at: Place) -> None:
    runs, wanted = at.runs, CASES["Volume"].inputs(at)
    made = with_data(at)
    runs.emulator.run(DELETE, id=made.id)
    assert refusals(at, {**wanted, "service": "other", "serviceId": at.service.id}, {}) == []
    assert refusals(at, {**wanted, "mountPath": "/elsewhere"}, {}) == []
    (row,) = runs.emulator.admin("GET", f"/snapshot?environment={at.environment.id}")["volume_instance"]
    runs.emulator.admin("POST", "/volume_instances", {"id": row["id"], "currentSizeMB": 0})
    assert refusals(at, wanted, {}) == []


def test_a_service_whose_volume_is_mounted_again_is_deployed_once(at: Place) -> None:
    runs = at.runs
    volume = with_data(at)
    wanted = {**instance(at), "bound": {"volumes": {"/data": volume.id}}}
    made = runs.create(ServiceInstanceProvider, wanted)
    given = {"serviceId": None, "mountPath": "/data"}
    runs.emulator.run(MOUNT, v=volume.id, e=at.environment.id, input=given)
    read = refreshed(at, made)
    assert read.inputs["notBound"] == ["volume at /data"]
    runs.update(refreshed(at, volume), CASES["Volume"].inputs(at))
    runs.mutations()
    # The process ended before the service was deployed: what the refresh saw is still known.
    done = runs.update(read, wanted)
    assert runs.mutations() == ["serviceInstanceDeployV2"]
    assert not runs.differs(refreshed(at, done), wanted)


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("2026-01-12T12:00:00Z", 48),
        ("2026-01-10T13:30:00.000Z", 1),
        ("2026-01-10T12:30:00+00:00", 0),
        ("2026-01-09T12:00:00Z", 0),
        ("2026-01-10T15:00:00", 3),
        ("", None),
        ("soon", None),
    ],
)
def test_the_hours_that_are_left_are_never_more_than_there_are(until: str, expected: int | None) -> None:
    assert pending.hours_left(until, NOW) == expected


@pytest.mark.parametrize(
    ("made_at", "name", "service_id", "found"),
    [
        ("2026-01-01T00:00:00Z", "web-volume", None, True),
        ("2026-01-01T00:00:00Z", "web-volume-2", None, True),
        ("2026-01-01T00:00:00Z", "data", None, False),
        ("2026-01-01T00:00:00Z", "web-volumes", None, False),
        ("2026-01-01T00:00:00Z", "another-web-volume", None, False),
        ("2026-01-01T00:00:00Z", "data", "s", True),
        # Made after the deletion: it starts anew on purpose, as after a destroy.
        ("2026-01-10T11:00:00Z", "web-volume", None, False),
        ("", "web-volume", None, True),
    ],
)
def test_it_is_found_by_name_and_path_and_only_where_the_service_is_older(
    made_at: str, name: str, service_id: str | None, *, found: bool
) -> None:
    row = {
        "volumeId": "v",
        "serviceId": service_id,
        "mountPath": "/data",
        "currentSizeMB": 10.0,
        "deletedAt": (NOW + timedelta(hours=47)).isoformat(),
    }
    snapshot = Snapshot(
        environment_id="e",
        project_id="p",
        name="local",
        is_fork=False,
        config={},
        instances={},
        volume_instances=(),
        project_services={"s": "web"},
        volumes={"v": {"id": "v", "name": name}},
        pending_volumes=(row,),
        made_at={"s": made_at},
    )
    wanted = {"service": "web", "serviceId": "s", "mountPath": "/data"}
    assert (pending.restorable(snapshot, wanted) is not None) is found
