"""Who made it, what it is, and how the destroy goes: what the stack made goes, what it took over stays.

With `-s -n 0` every row of the table is printed.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from convos_infra.errors import InfraError
from convos_infra.railway.resources.environment import EnvironmentProvider
from convos_infra.railway.resources.project import ProjectProvider
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.volume import VolumeProvider
from convos_infra.rollout.resource import AgentRolloutProvider
from tests.emulator.fix_emulator import Emulator
from tests.railway.stack_double import (
    OF_SERVICE,
    ORDER,
    PREFIX,
    Killed,
    Pool,
    StackDouble,
    alive,
    answering_pool,
)

_SERVICE = "mutation s($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"
_VOLUME = "mutation v($input: VolumeCreateInput!) { volumeCreate(input: $input) { id } }"
_PROJECT_DELETE = "mutation d($id: String!) { projectDelete(id: $id) }"
OWN, THEIRS = ("made", "adopted after a crash of its own create"), ("adopted by make adopt", "adopted by a plain up")
OF_THE_SERVICE = {"Service", "Volume", "ServiceDomain", "CustomDomain", "TcpProxy", "ProjectToken"}
EVERYTHING = {"Project", "Environment", "SharedVariables", *OF_THE_SERVICE}
REFUSED = {
    "protect": "is protected",
    "stranger's service": "this stack did not make these services: my-tool ",
    "stranger's volume": "this stack did not make these volumes: my-tool-volume (mounted nowhere) ",
    "bucket of others": (
        "this stack did not make these buckets: bucket-0a1b2c3d (copy what is in them, and delete them on Railway)"
    ),
    "claimed agent": "agents: in use: agent-ada-1 (claimed)",
    "dead pool manager": "agents: whether somebody has one is not known: ",
    "dead database": "database 127.0.0.1:9/gone: ",
    "data": "these volumes have data: web-volume (of web) (to delete it: DATA_ON_DESTROY=delete pulumi destroy)",
    "deleted volume": (
        "these deleted volumes can still be restored, but not once their environment is gone: their-tool-volume"
        " (to delete their data: DATA_ON_DESTROY=delete pulumi destroy)"
    ),
    "all at once": "this stack did not make these services: my-tool ",
}
OPTIONS = ("plain", "--skip-preview", "--target", *REFUSED)


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
    for row in railway_emulator.admin("GET", "/snapshot")["projects"]:
        if row["name"] == name:
            railway_emulator.run(_PROJECT_DELETE, id=row["id"])


def brought_up(new: Callable[..., StackDouble], how: str) -> StackDouble:
    """Return a stack that came to its things in one of the four ways."""
    one = new()
    if how == "made":
        one.up()
        return one
    if how == "adopted after a crash of its own create":
        for kind in ORDER[:-1]:
            with pytest.raises(Killed):
                one.up(killed_at=kind)
        one.up()
        return one
    one.up()
    ids = one.ids()
    named = {"project": ids[ProjectProvider], "environment": ids[EnvironmentProvider]}
    other = new(adopt=named if how == "adopted by make adopt" else {})
    other.up()
    return other


def stranger(one: StackDouble, option: str) -> None:
    """Do what the option is named after."""
    ids = one.ids()
    where = {"projectId": ids[ProjectProvider], "environmentId": ids[EnvironmentProvider]}
    everything = option == "all at once"
    if everything or option.startswith("stranger's"):
        made = one.emulator.run(_SERVICE, input={**where, "name": "my-tool"})["serviceCreate"]["id"]
        if everything or option == "stranger's volume":
            one.emulator.run(_VOLUME, input={**where, "serviceId": made, "mountPath": "/data"})
        if option == "stranger's volume":
            removal = "mutation d($i: String!, $e: String) { serviceDelete(id: $i, environmentId: $e) }"
            one.emulator.run(removal, i=made, e=ids[EnvironmentProvider])
    if option == "bucket of others":
        put_a_bucket(one, ids[EnvironmentProvider])
    if everything or option == "deleted volume":
        give_up_a_volume(one, where)
    if everything or option == "claimed agent":
        one.pool.agents.append({"id": "1", "service": f"{PREFIX}ada-1", "state": "claimed"})
    one.pool.agents.append({"id": "2", "service": f"{PREFIX}2", "state": "idle"})
    if option == "dead pool manager":
        one.pool.dead = True
    if everything or option == "dead database":
        one.dropped_database = "postgresql://u:p4ss@127.0.0.1:9/gone"
        one.up()
    if everything or option in ("data", "deleted volume"):
        one.config = {}
    one.protect = option == "protect"


def put_a_bucket(one: StackDouble, environment: str) -> None:
    """Make a bucket as a colleague would: an environment's config has it, beside services and volumes."""
    patch = {"buckets": {"0a1b2c3d-0000-4000-8000-000000000000": {"region": "sjc", "isCreated": True}}}
    document = "mutation p($e: String!, $p: EnvironmentConfig) { environmentPatchCommit(environmentId: $e, patch: $p) }"
    one.emulator.run(document, e=environment, p=patch)


def give_up_a_volume(one: StackDouble, where: dict[str, str], service: str = "their-tool") -> None:
    """Make a volume with data in a service of others, and delete both: Railway keeps the data for 48 hours."""
    made = one.emulator.run(_SERVICE, input={**where, "name": service})["serviceCreate"]["id"]
    volume = one.emulator.run(_VOLUME, input={**where, "serviceId": made, "mountPath": "/data"})["volumeCreate"]["id"]
    world = json.loads(one.emulator.snapshot(where["environmentId"]))
    (row,) = [row for row in world["volume_instance"] if row["volumeId"] == volume]
    one.emulator.admin("POST", "/volume_instances", {"id": row["id"], "currentSizeMB": 48})
    one.emulator.run("mutation d($i: String!) { volumeDelete(volumeId: $i) }", i=volume)
    removal = "mutation d($i: String!, $e: String) { serviceDelete(id: $i, environmentId: $e) }"
    one.emulator.run(removal, i=made, e=where["environmentId"])


def lose_own_data(one: StackDouble) -> None:
    """Delete the stack's own volume, and let its 48 hours be over."""
    id_ = one.ids()[VolumeProvider]
    one.emulator.run("mutation d($i: String!) { volumeDelete(volumeId: $i) }", i=id_)
    rows = json.loads(one.emulator.snapshot(one.ids()[EnvironmentProvider]))["volume_instance"]
    for row in rows:
        if row["volumeId"] == id_:
            one.emulator.admin("POST", "/volume_instances", {"id": row["id"], "purged": True})


def destroyed(one: StackDouble, option: str) -> str:
    """Destroy as the option says; return the refusal, or the empty string."""
    only = OF_SERVICE if option == "--target" else ORDER
    try:
        one.destroy(preview=option == "plain", only=only)
    except InfraError as error:
        return str(error)
    return ""


def refusal(how: str, option: str) -> str:
    if option == "protect":
        return REFUSED[option]
    return REFUSED.get(option, "") if how in OWN else ""


def goes(how: str, option: str) -> set[str]:
    if how not in OWN or option in REFUSED:
        return set()
    return OF_THE_SERVICE if option == "--target" else EVERYTHING


def row(how: str, option: str, went: set[str], stayed: set[str], refused: str) -> str:
    names = [" ".join(sorted(names)) or "-" for names in (went, stayed)]
    return f"| {how} | {option} | {names[0]} | {names[1]} | {refused or '-'} |"


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
        for thing in ("volume web-volume (of web)", "service web", "environment test", "project token web", "agents"):
            assert any(thing in line for line in kept), (thing, kept)


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
