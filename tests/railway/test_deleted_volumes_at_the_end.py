"""A deleted volume that Railway can still restore, when a stack is destroyed: whose data may go, and whose may not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from convos_infra.destroy.gate import DestroyGateProvider
from convos_infra.railway.resources.environment import EnvironmentProvider
from convos_infra.railway.resources.project import ProjectProvider
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.volume import VolumeProvider
from tests.railway.destroying import destroyed, give_up_a_volume
from tests.railway.stack_double import StackDouble, alive


def fill_and_delete_own_volume(one: StackDouble) -> None:
    ids = one.ids()
    (volume,) = json.loads(one.emulator.snapshot(ids[EnvironmentProvider]))["volume_instance"]
    one.emulator.admin("POST", "/volume_instances", {"id": volume["id"], "currentSizeMB": 48})
    one.emulator.run("mutation d($i: String!) { volumeDelete(volumeId: $i) }", i=ids[VolumeProvider])


def test_a_deleted_volume_of_others_stops_a_destroy_that_gives_up_the_stacks_own_data(
    new: Callable[..., StackDouble], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = new()
    one.up()
    ids = one.ids()
    give_up_a_volume(one, {"projectId": ids[ProjectProvider], "environmentId": ids[EnvironmentProvider]})
    said = destroyed(one, "--skip-preview")
    assert "these deleted volumes that this stack did not make can still be restored" in said
    assert "their-tool-volume (to delete their data: DATA_ON_DESTROY=delete pulumi destroy)" in said
    assert all(alive(one.emulator, ids).values())
    # Said for this destroy, after the names were told.
    monkeypatch.setenv("DATA_ON_DESTROY", "delete")
    assert destroyed(one, "--skip-preview") == ""
    assert not alive(one.emulator, ids)["Environment"]


def test_a_volume_of_others_that_is_deleted_after_the_gate_has_asked_keeps_its_environment(
    new: Callable[..., StackDouble], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = new()
    one.up()
    ids = one.ids()
    where = {"projectId": ids[ProjectProvider], "environmentId": ids[EnvironmentProvider]}
    deleted = ServiceProvider.deleted

    def at_the_same_time(provider: ServiceProvider, id_: str, props: Any) -> None:
        give_up_a_volume(one, where)
        deleted(provider, id_, props)

    monkeypatch.setattr(ServiceProvider, "deleted", at_the_same_time)
    assert destroyed(one, "--skip-preview") == ""
    assert "keeps environment test: not empty, it has deleted volume their-tool-volume" in one.said
    assert alive(one.emulator, ids)["Environment"]


def test_the_gate_remembers_the_volumes_that_the_stack_made_and_gave_up_and_no_others() -> None:
    made, adopted, kept = {"id": "a", "owned": True}, {"id": "b", "owned": False}, {"id": "c", "owned": True}
    gate = DestroyGateProvider()
    first = gate.updated("gate", {"volumes": [made, adopted, kept]}, {"volumes": [kept]}).outs or {}
    assert first["formerVolumes"] == ["a"]
    second = gate.updated("gate", first, {"volumes": []}).outs or {}
    assert second["formerVolumes"] == ["a", "c"]
    assert not gate.changed("gate", second, {"volumes": []}).changes, "it is no difference"
    restored = gate.updated("gate", second, {"volumes": [made]}).outs or {}
    assert restored["formerVolumes"] == ["c"]


@pytest.mark.parametrize("replaced", [False, True])
def test_the_stacks_own_deleted_volumes_go_with_it_where_its_config_says_so(
    new: Callable[..., StackDouble], replaced: bool
) -> None:
    one = new()
    one.up()
    ids = one.ids()
    fill_and_delete_own_volume(one)
    if replaced:
        one.config["replaceVolume"] = "web"
        # Pulumi replaces it: the new one is made in its place, and the gate is updated after it.
        del one.state[VolumeProvider]
        one.up()
        assert one.ids()[VolumeProvider] != ids[VolumeProvider]
    assert destroyed(one, "--skip-preview") == ""
    assert not alive(one.emulator, ids)["Environment"]
