"""Over the table of states: refresh, preview and update agree with each other and with the emulator."""

from __future__ import annotations

import pytest

from tests.railway.small_stack import SmallStack, environment_as_wanted, scene_of
from tests.railway.states import STATES, Says, State


def test_the_table_has_states_of_every_kind_and_each_name_once() -> None:
    assert len(STATES) >= 25
    assert len({state.name for state in STATES}) == len(STATES)
    assert {state.says for state in STATES} == set(Says)
    # A state that is not fine and deploys nothing, one that deploys: the table can tell them apart.
    assert {state.deployments for state in STATES} >= {0, 1}


def test_what_status_says_and_what_a_refresh_shows_are_one() -> None:
    """Each half is held against the emulator: here, and in `test_status_says.py`."""
    assert STATES
    for state in STATES:
        is_wrong = state.says in (Says.DRIFT, Says.DEAD)
        assert not is_wrong or state.drift, f"{state.name}: status is red, and a refresh shows nothing"
        assert state.says is not Says.FINE or not state.drift, f"{state.name}: a refresh shows what status calls fine"
        assert is_wrong or not state.deployments, f"{state.name}: fine, and yet deployed"
        mended = state.deployments or state.refused
        assert state.says is not Says.DEAD or mended, f"{state.name}: dead, and an update mends nothing"


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_status_refresh_preview_and_up_agree_with_the_environment(stack: SmallStack, state: State) -> None:
    runs, scene = stack.runs, scene_of(stack)
    assert stack.refresh() == []
    wanted = environment_as_wanted(scene)
    state.make(scene)
    runs.mutations()
    assert bool(stack.refresh()) is state.drift
    steps = stack.preview()
    assert runs.mutations() == []
    if state.refused:
        refusing = [step for step in steps if step.op == "refuse"]
        assert [step.name for step in refusing] == [state.refused.lower()]
        return
    assert sum(step.deployments for step in steps) == state.deployments, steps
    if state.before_up is not None:
        state.before_up(scene)
    runs.mutations()
    done = stack.up()
    made = runs.deployments()
    assert made == state.deployments, done
    # A preview cannot know that no other deployment will come to be waited for.
    waits = {"ready"} if not made else set()
    assert [step for step in done if step.name not in waits] == [step for step in steps if step.name not in waits]
    # What was ours is as it was, and runs; what is others' is still there.
    after = environment_as_wanted(scene_of(stack))
    for name in ("db", "web"):
        assert len(after[name]["runs"]) == 1, after[name]
        after[name]["variables"].pop("THEIRS", None)
    assert {name: after[name] for name in wanted} == wanted
    runs.emulator.forget_calls()
    assert stack.preview() == []
    assert runs.emulator.calls() == []
    assert stack.refresh() == []
    assert runs.mutations() == []
