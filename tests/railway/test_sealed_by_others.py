"""A managed variable that others change and then seal: nobody can read it, and it never looks unchanged."""

from __future__ import annotations

import pytest

from convos_infra.railway.change import CHANGE, ORDERED
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.resources.shared_variables import SharedVariablesProvider
from convos_infra.railway.sealing import HIDDEN, SEALED_LEFT
from convos_infra.railway.session import RailwayProvider
from ops.status.compare import changed_variables
from railway_api.failure import Failure
from tests.railway.fix_resources import Made, Place, Props, patch, refreshed
from tests.railway.referring import running
from tests.railway.resource_cases import CASES

KINDS: dict[str, type[RailwayProvider]] = {"A": ServiceInstanceProvider, "S": SharedVariablesProvider}
by_kind = pytest.mark.parametrize("name", sorted(KINDS))


def made_by_us(at: Place, name: str) -> tuple[Made, Props]:
    case = CASES[KINDS[name].__name__.removesuffix("Provider")]
    wanted = case.inputs(at)
    return at.runs.create(case.provider, wanted), wanted


def seal(at: Place, name: str, value: str = "theirs") -> None:
    given = {"variables": {name: {"value": value, "isSealed": True}}}
    patch(at, {"services": {at.service.id: given}} if name != "S" else {"sharedVariables": given["variables"]})
    at.runs.mutations()


@by_kind
@pytest.mark.parametrize("value", ["theirs", "1"])
def test_a_variable_that_others_have_sealed_is_drift_by_its_name_and_the_next_update_puts_it_back(
    at: Place, name: str, value: str
) -> None:
    runs = at.runs
    made, wanted = made_by_us(at, name)
    seal(at, name, value)
    assert changed_variables(made.outputs, {**made.outputs["variables"], name: None}) == [name], "status says it"
    read = refreshed(at, made)
    assert runs.drift(made, read)
    assert read.outputs["variables"][name] == HIDDEN
    assert f"others have sealed {name}, so it is unknown whether they changed the value" in runs.said[-1]
    assert not runs.drift(read, refreshed(at, read)), "it is found once"
    assert runs.mutations() == []
    inputs = runs.checked(made.provider, wanted, read.inputs)
    if name == "A":
        assert inputs["deploys"].startswith("1 deployment: 1 variable (A)")
        assert inputs[CHANGE][ORDERED], "the plan counts the patch and the order"
    done = runs.update(read, wanted)
    assert done.outputs[SEALED_LEFT] == [name]
    # Nobody can tell whether their value is ours: the announced deployment is ordered, and made once.
    calls = runs.emulator.calls()
    assert sum(len(call["deployments"]) for call in calls) == (name == "A")
    assert runs.mutations() == ["environmentPatchCommit", *(["serviceInstanceDeployV2"] if name == "A" else [])]
    if name == "A":
        # Sealed, it is shown nowhere but where something refers to it.
        assert running(at, done)["B"] == "1"
    # It stays sealed, with this stack's value: from now on it is as the last update left it.
    assert not runs.drift(done, refreshed(at, done))
    assert not runs.differs(refreshed(at, done), wanted)
    assert changed_variables(done.outputs, {**wanted["variables"], name: None}) == []


@by_kind
@pytest.mark.parametrize("how", ["changed", "removed"])
def test_what_others_have_sealed_since_the_last_refresh_is_not_overwritten_unseen(
    at: Place, name: str, how: str
) -> None:
    runs = at.runs
    made, wanted = made_by_us(at, name)
    seal(at, name)
    rest = {key: value for key, value in wanted["variables"].items() if key not in (name, "B")}
    after = {**wanted, "variables": {**rest, **({name: "3"} if how == "changed" else {})}}
    with pytest.raises(Failure, match=f"{name} changed outside this stack since the last update"):
        runs.update(made, after)
    assert runs.mutations() == []
    done = runs.update(refreshed(at, made), after)
    assert done.outputs["variables"] == after["variables"]
    is_blind = name == "A" and how == "changed"
    assert runs.mutations() == ["environmentPatchCommit", *(["serviceInstanceDeployV2"] if is_blind else [])]


def test_sealing_what_others_have_sealed_first_is_not_taken_for_done(at: Place) -> None:
    runs = at.runs
    made, wanted = made_by_us(at, "A")
    seal(at, "A")
    after = {**wanted, "sealedVariables": ["A"]}
    with pytest.raises(Failure, match="A changed outside this stack since the last update"):
        runs.update(made, after)
    done = runs.update(refreshed(at, made), after)
    assert running(at, done)["B"] == "1"
    assert not runs.differs(refreshed(at, done), after)


@by_kind
def test_another_change_of_ours_does_not_hide_what_others_have_sealed(at: Place, name: str) -> None:
    runs = at.runs
    made, wanted = made_by_us(at, name)
    seal(at, name)
    after = {**wanted, "variables": {**wanted["variables"], "MORE": "1"}}
    done = runs.update(made, after)
    assert done.outputs[SEALED_LEFT] == []
    assert refreshed(at, done).outputs["variables"][name] == HIDDEN


def test_what_this_stack_seals_later_on_is_as_it_left_it(at: Place) -> None:
    runs = at.runs
    made, wanted = made_by_us(at, "A")
    after = {**wanted, "sealedVariables": ["A"]}
    done = runs.update(made, after)
    assert done.outputs[SEALED_LEFT] == ["A"]
    assert not runs.drift(done, refreshed(at, done))


def test_what_this_stack_has_sealed_or_taken_over_sealed_is_unchanged(at: Place) -> None:
    runs = at.runs
    wanted = {**CASES["ServiceInstance"].inputs(at), "sealedVariables": ["A"]}
    patch(at, {"services": {at.service.id: {"variables": {"B": {"value": "theirs", "isSealed": True}}}}})
    made = runs.create(ServiceInstanceProvider, wanted)
    assert made.outputs[SEALED_LEFT] == ["A", "B"]
    read = refreshed(at, made)
    assert not runs.drift(made, read)
    assert not runs.differs(read, wanted)


def test_a_state_of_an_older_release_takes_what_is_sealed_as_it_is_and_finds_what_is_sealed_later(at: Place) -> None:
    runs = at.runs
    made, wanted = made_by_us(at, "A")
    del made.outputs[SEALED_LEFT]
    seal(at, "A")
    read = refreshed(at, made)
    assert not runs.drift(made, read)
    assert not runs.differs(read, wanted)
    assert read.outputs[SEALED_LEFT] == ["A"]
    seal(at, "B")
    again = refreshed(at, read)
    assert runs.drift(read, again)
    assert (again.outputs["variables"]["A"], again.outputs["variables"]["B"]) == ("1", HIDDEN)


def test_a_shared_variable_in_a_state_of_an_older_release_was_not_sealed_by_it(at: Place) -> None:
    made, _ = made_by_us(at, "S")
    del made.outputs[SEALED_LEFT]
    seal(at, "S")
    assert refreshed(at, made).outputs["variables"]["S"] == HIDDEN
