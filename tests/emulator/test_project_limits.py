"""How many services and volumes a project may have: one rule for every way in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.emulator.fix_emulator import Emulator, EmulatorError
from tests.emulator.test_change_set_databases import database
from tests.emulator.test_change_sets import apply, create
from tests.emulator.test_templates import deploy
from tests.emulator.world import World

CREATE_VOLUME = "mutation v($input: VolumeCreateInput!) { volumeCreate(input: $input) { id } }"
DELETE_VOLUME = "mutation d($id: String!) { volumeDelete(volumeId: $id) }"
VOLUME = {"kind": "resource.create", "address": "volume.data", "resource": {"type": "volume", "name": "data"}}


@pytest.fixture
def small(emulator: Emulator) -> Iterator[None]:
    """Two services and one volume a project, for the length of a test."""
    emulator.settings(services_per_project=2, volumes_per_project=1)
    yield
    emulator.settings(services_per_project=0, volumes_per_project=0)


def volume(world: World) -> str:
    given = {"projectId": world.project_id, "environmentId": world.environment_id, "mountPath": "/data"}
    return str(world.run(CREATE_VOLUME, input=given)["volumeCreate"]["id"])


def patched(world: World) -> None:
    service = world.service("patched")
    made = {"services": {service: {"volumeMounts": {"11111111-1111-4111-8111-111111111111": {"mountPath": "/d"}}}}}
    world.commit({**made, "volumes": {"11111111-1111-4111-8111-111111111111": {"isCreated": True}}})


@pytest.mark.parametrize(
    "make",
    [
        lambda world: world.service("one-more"),
        lambda world: world.fork("fork") and world.service("one-more"),
        deploy,
        lambda world: apply(world, create("one-more")),
        lambda world: apply(world, database("one-more", "redis")),
    ],
    ids=["serviceCreate", "beside a fork", "templateDeployV2", "change set", "database"],
)
@pytest.mark.usefixtures("small")
def test_a_project_has_so_many_services_and_no_more(world: World, make: Callable[[World], object]) -> None:
    for name in ("first", "second"):
        world.service(name)
    before = world.instances()
    with pytest.raises(EmulatorError, match="This project has reached its limit of 2 services"):
        make(world)
    assert world.instances() == before


@pytest.mark.parametrize(
    "make",
    [volume, patched, deploy, lambda world: apply(world, VOLUME), lambda world: apply(world, database("x", "redis"))],
    ids=["volumeCreate", "patch", "templateDeployV2", "change set", "database"],
)
@pytest.mark.usefixtures("small")
def test_a_project_has_so_many_volumes_and_no_more(world: World, make: Callable[[World], object]) -> None:
    kept = volume(world)
    with pytest.raises(EmulatorError, match="This project has reached its limit of 1 volumes"):
        make(world)
    # What is pending deletion takes no room.
    world.run(DELETE_VOLUME, id=kept)
    assert volume(world)


@pytest.mark.usefixtures("small")
def test_the_limit_is_of_one_project(emulator: Emulator, world: World) -> None:
    for one in (world, World.new(emulator)):
        for name in ("first", "second"):
            assert one.service(name)
        assert volume(one)
