"""Who made it, what it is, and how the destroy goes: what the stack made goes, what it took over stays.

With `-s -n 0` every row of the table is printed.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from convos_infra.railway.resources.environment import EnvironmentProvider
from convos_infra.railway.resources.project import ProjectProvider
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.volume import VolumeProvider
from convos_infra.rollout.resource import AgentRolloutProvider
from tests.railway.destroying import (
    OPTIONS,
    OWN,
    REFUSED,
    THEIRS,
    brought_up,
    destroyed,
    give_up_a_volume,
    goes,
    lose_own_data,
    refusal,
    row,
    stranger,
)
from tests.railway.stack_double import ORDER, PREFIX, StackDouble, alive


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("how", [*OWN, *THEIRS])
def test_destroy_deletes_what_the_stack_made_and_leaves_what_it_took_over(
    new: Callable[..., StackDouble], how: str, option: str
) -> None:
    one = brought_up(new, how)
    ids = one.ids()
    stranger(one, option)
    assert all(alive(one.emulator, ids).values())
    one.emulator.forget_calls()
    one.pool.asked.clear()
    before = one.emulator.snapshot(ids[EnvironmentProvider])
    said = destroyed(one, option)
    mutations = [call["operation"] for call in one.emulator.calls() if call["type"] == "mutation"]
    after = alive(one.emulator, ids)
    went = {name for name, there in after.items() if not there}
    print(row(how, option, went, set(after) - went, said))
    assert went == goes(how, option)
    wanted = refusal(how, option)
    assert (wanted in said) if wanted else said == ""
    assert "p4ss" not in said
    is_retired = "/api/pool/retire" in one.pool.asked
    assert is_retired == (how in OWN and option not in REFUSED)
    if wanted or how in THEIRS:
        assert mutations == []
        assert one.emulator.snapshot(ids[EnvironmentProvider]) == before
    if wanted:
        assert set(one.ids()) == set(ids), "a destroy that refuses has taken nothing out of the state"
    elif how in THEIRS and option != "--target":
        assert one.state == {}
        kept = [line for line in one.said if line.startswith("keeps ")]
        for subject in ("volume web-volume (of web)", "service web", "environment test", "project token web", "agents"):
            assert any(subject in line for line in kept), (subject, kept)


def test_all_reasons_are_in_one_error(new: Callable[..., StackDouble]) -> None:
    one = brought_up(new, "made")
    stranger(one, "all at once")
    said = destroyed(one, "all at once")
    for part in (
        "services: my-tool ",
        "volumes: my-tool-volume (of my-tool) ",
        "agent-ada-1",
        "gone: ",
        "have data",
        "restored",
    ):
        assert part in said


def test_the_gate_costs_one_read_of_railway(new: Callable[..., StackDouble]) -> None:
    one = brought_up(new, "made")
    stranger(one, "stranger's service")
    one.emulator.forget_calls()
    assert destroyed(one, "--skip-preview")
    assert [(call["type"], call["operation"]) for call in one.emulator.calls()] == [("query", "environment")]


def test_nothing_of_a_preview_or_a_second_update_is_asked_for_ownership(new: Callable[..., StackDouble]) -> None:
    one = brought_up(new, "adopted by a plain up")
    one.emulator.forget_calls()
    one.up()
    assert one.emulator.calls() == []


@pytest.mark.parametrize("count", range(1, len(ORDER)))
def test_a_destroy_that_ended_anywhere_is_finished_by_the_next(new: Callable[..., StackDouble], count: int) -> None:
    one = brought_up(new, "made")
    ids = one.ids()
    one.destroy(until=count)
    assert destroyed(one, "--skip-preview") == ""
    assert not any(alive(one.emulator, ids).values())


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_after_half_a_destroy_data_is_still_asked_for_before_anything_else_goes(
    new: Callable[..., StackDouble], count: int
) -> None:
    one = brought_up(new, "made")
    ids = one.ids()
    one.destroy(until=count)
    one.config = {}
    one.state.pop(AgentRolloutProvider, None)
    one.emulator.forget_calls()
    said = destroyed(one, "--skip-preview")
    assert "volumes in its environment have data: web-volume (of web)" in said
    assert [call for call in one.emulator.calls() if call["type"] == "mutation"] == []
    assert alive(one.emulator, ids)["Volume"]


def test_after_half_a_destroy_a_stranger_keeps_the_environment_and_loses_nothing(
    new: Callable[..., StackDouble],
) -> None:
    one = brought_up(new, "made")
    ids = one.ids()
    one.destroy(until=2)
    stranger(one, "stranger's service")
    assert destroyed(one, "--skip-preview") == ""
    after = alive(one.emulator, ids)
    assert after["Environment"]
    assert not after["Service"]
    assert "keeps environment test: not empty, it has my-tool" in one.said


@pytest.mark.parametrize("with_gate", [True, False])
def test_a_state_that_does_not_say_whose_things_are_goes_by_what_it_announced(
    new: Callable[..., StackDouble], with_gate: bool
) -> None:
    """What today's states say: `owned` of project and environment alone, `adopts` of everything that was taken over."""
    mine, theirs = new(has_gate=with_gate), new(has_gate=with_gate)
    mine.up()
    theirs.up()
    ids = mine.ids()
    for one in (theirs, mine):
        for kind, made in one.state.items():
            if kind not in (ProjectProvider, EnvironmentProvider):
                for key in ("owned", "serviceOwned", "takenOver", "environmentOwned"):
                    made.outputs.pop(key, None)
                    made.inputs.pop(key, None)
    assert destroyed(theirs, "--skip-preview") == ""
    assert all(alive(mine.emulator, ids).values())
    assert destroyed(mine, "--skip-preview") == ""
    assert not any(alive(mine.emulator, ids).values())


def test_a_refresh_records_what_an_old_state_does_not_say(new: Callable[..., StackDouble]) -> None:
    one = brought_up(new, "made")
    one.forget("owned", "serviceOwned", "takenOver", "environmentOwned")
    before = {kind: (made.id, made.inputs) for kind, made in one.state.items()}
    one.refresh()
    assert one.state[ServiceProvider].outputs["owned"] is True
    assert {kind: made.id for kind, made in one.state.items()} == {kind: id_ for kind, (id_, _) in before.items()}
    one.emulator.forget_calls()
    one.up()
    assert [call for call in one.emulator.calls() if call["type"] == "mutation"] == []


def test_a_volume_that_was_added_to_a_service_of_others_stays_with_its_data(new: Callable[..., StackDouble]) -> None:
    mine, theirs = new(), new()
    mine.up()
    ids = mine.ids()
    mine.emulator.run("mutation d($i: String!) { volumeDelete(volumeId: $i) }", i=ids[VolumeProvider])
    theirs.config["replaceVolume"] = "web"
    theirs.up()
    added = theirs.ids()
    assert added[VolumeProvider] != ids[VolumeProvider]
    assert destroyed(theirs, "--skip-preview") == ""
    assert all(alive(mine.emulator, added).values())


@pytest.mark.parametrize("how", THEIRS)
def test_destroy_adopted_deletes_what_was_taken_over(new: Callable[..., StackDouble], how: str) -> None:
    one = brought_up(new, how)
    ids = one.ids()
    one.config["destroyAdopted"] = "true"
    assert destroyed(one, "--skip-preview") == ""
    assert not any(alive(one.emulator, ids).values())


@pytest.mark.parametrize("how", THEIRS)
def test_destroy_adopted_still_refuses_for_strangers_and_data(new: Callable[..., StackDouble], how: str) -> None:
    one = brought_up(new, how)
    ids = one.ids()
    stranger(one, "stranger's service")
    one.config = {"destroyAdopted": "true"}
    said = destroyed(one, "--skip-preview")
    assert "my-tool" in said
    assert "web-volume" in said
    assert all(alive(one.emulator, ids).values())


def test_without_a_gate_the_environment_of_a_deleted_volume_stays(new: Callable[..., StackDouble]) -> None:
    one = new(has_gate=False)
    one.up()
    ids = one.ids()
    where = {"projectId": ids[ProjectProvider], "environmentId": ids[EnvironmentProvider]}
    give_up_a_volume(one, where)
    one.config = {}
    lose_own_data(one)
    assert destroyed(one, "--skip-preview") == ""
    assert alive(one.emulator, ids)["Environment"]
    assert "keeps environment test: not empty, it has deleted volume their-tool-volume" in one.said
    assert one.state == {}


def test_what_deleted_agents_leave_behind_keeps_no_destroy_from_beginning(new: Callable[..., StackDouble]) -> None:
    one = new()
    one.up()
    ids = one.ids()
    where = {"projectId": ids[ProjectProvider], "environmentId": ids[EnvironmentProvider]}
    give_up_a_volume(one, where, service=f"{PREFIX}abcdef")
    lose_own_data(one)
    one.config = {}
    assert destroyed(one, "--skip-preview") == ""
    assert not alive(one.emulator, ids)["Environment"]
