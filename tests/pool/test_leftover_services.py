"""What a pool manager's deleted agents leave in their project: it goes, and nothing that anybody else has made or uses.

The emulator's default keeps a service whose last instance was deleted (fact: scoped-delete-keeps-service).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from convos_pool import leftover_services, operations, railway
from convos_pool.errors import RailwayCallError, ThrottledError
from convos_pool.railway_calls import RailwayCalls

from tests.pool.emulated_ground import Connections, Ground
from tests.pool.fix_ground import FORK, running_ground
from tests.pool.killed_fleet import KilledFleet, killed_fleet

if TYPE_CHECKING:
    from tests.schema.postgres_server import Server

pytestmark = pytest.mark.postgres

IMAGE = "ghcr.io/example/convos-runtime:t@sha256:" + "1" * 64
CREATE = "mutation s($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"
DELETE = "mutation d($id: String!, $e: String!) { serviceDelete(id: $id, environmentId: $e) }"
RENAME = 'mutation r($id: String!) { serviceUpdate(id: $id, input: { name: "theirs" }) { id } }'
STRANGER = "convos-agent-zzzzzzzzzzzz"
SWEEP = ("agentServiceUse", "agentServices", "agentServicesIn", "agentsUnscopedDelete")


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory, pool_server: Server) -> Iterator[Ground]:
    with running_ground(tmp_path_factory.mktemp("left"), pool_server, IMAGE, ()) as found:
        yield found


@pytest.fixture
def fleet(ground: Ground) -> Iterator[KilledFleet]:
    kept = Connections()
    with killed_fleet(ground, IMAGE, 3, kept) as found:
        found.settle(4)
        assert len(found.idle()) == 3
        found.min_idle = 0
        found.restart(IMAGE)
        yield found
    kept.close()


def sent(fleet: KilledFleet) -> list[str]:
    """Return the calls of the sweep since the count began."""
    return [step.removeprefix("before ") for step in fleet.steps if step.removeprefix("before ") in SWEEP]


def drained(fleet: KilledFleet) -> list[str]:
    """Drain the pool; return the services of its agents."""
    ids = [one["id"] for one in fleet.services()]
    assert len(fleet.manager.pool.drain(3)) == 3
    return ids


def on_record(fleet: KilledFleet) -> int:
    return len(fleet.ground.admin.execute("SELECT 1 FROM agent_credential").fetchall())


def test_the_tick_after_a_deletion_takes_one_read_and_one_deletion_for_all_and_then_nothing(fleet: KilledFleet) -> None:
    drained(fleet)
    assert len(fleet._left_services()) == 3
    fleet.count(0)
    fleet.tick(30.0)
    assert sent(fleet) == ["agentServiceUse", "agentsUnscopedDelete"]
    assert fleet.leaks() == []
    fleet.count(0)
    fleet.tick(30.0)
    assert sent(fleet) == []


def test_where_a_service_goes_with_its_last_instance_one_read_settles_it(fleet: KilledFleet) -> None:
    settings = fleet.ground.emulated.settings
    settings.change({"scoped_delete": "deletes_service"})
    try:
        drained(fleet)
    finally:
        settings.change({"scoped_delete": "keeps_service"})
    fleet.count(0)
    fleet.tick(30.0)
    assert sent(fleet) == ["agentServiceUse"]
    assert (fleet.leaks(), on_record(fleet)) == ([], 0)


def test_what_others_use_have_renamed_or_made_stays(fleet: KilledFleet) -> None:
    ground = fleet.ground
    forked = {"projectId": ground.project_id, "name": "theirs", "sourceEnvironmentId": ground.environment_id}
    ids = [one["id"] for one in fleet.services()]
    theirs = fleet.ask(FORK, {"input": {**forked, "skipInitialDeploys": True}})["environmentCreate"]["id"]
    place = {"projectId": ground.project_id, "environmentId": theirs}
    strangers = fleet.ask(CREATE, {"input": {**place, "name": STRANGER}})["serviceCreate"]["id"]
    # One stays in the fork, one is renamed, and one of another pool is left by that one.
    for id_ in (*ids[1:], strangers):
        fleet.ask(DELETE, {"id": id_, "e": theirs})
    drained(fleet)
    fleet.ask(RENAME, {"id": ids[1]})
    before = ground.emulated.store.get("environment", theirs)
    fleet.tick(30.0)
    assert ground.emulated.store.get("environment", theirs) == before
    assert sorted(fleet._left_services()) == [STRANGER, "theirs"]
    assert on_record(fleet) == 0


@pytest.mark.parametrize("size", [1, 2])
def test_no_page_is_overlooked(fleet: KilledFleet, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    ground = fleet.ground
    forked = {"projectId": ground.project_id, "sourceEnvironmentId": ground.environment_id, "skipInitialDeploys": True}
    ids = [one["id"] for one in fleet.services()]
    for name in ("a", "b", "c"):
        place = fleet.ask(FORK, {"input": {**forked, "name": name}})["environmentCreate"]["id"]
        for id_ in ids[:2] if name == "c" else ids:
            fleet.ask(DELETE, {"id": id_, "e": place})
    drained(fleet)
    monkeypatch.setattr(railway, "PAGE", size)
    fleet.tick(30.0)
    assert fleet._left_services() == []
    assert (ground.emulated.store.get("service", ids[2]) or {}).get("deletedAt") is None, "environment c has it"
    assert [bool((ground.emulated.store.get("service", id_) or {}).get("deletedAt")) for id_ in ids[:2]] == [True] * 2


Alter = Callable[[dict[str, Any]], None]


def without_own_environment(project: dict[str, Any]) -> None:
    project["environments"]["edges"] = project["environments"]["edges"][:1]


def without_services(project: dict[str, Any]) -> None:
    del project["services"]


def endless(project: dict[str, Any]) -> None:
    project["environments"]["pageInfo"] = {"hasNextPage": True, "endCursor": "again"}


@pytest.mark.parametrize("alter", [without_own_environment, without_services, endless])
def test_an_answer_that_proves_nothing_deletes_nothing_and_is_not_asked_for_at_each_tick(
    fleet: KilledFleet, monkeypatch: pytest.MonkeyPatch, alter: Alter
) -> None:
    drained(fleet)
    execute = RailwayCalls.execute

    def altered(self: Any, document: str, variables: Any) -> Any:
        found = execute(self, document, variables)
        if document.startswith("query agentServiceUse"):
            alter(found["project"])
        return found

    with monkeypatch.context() as patched:
        patched.setattr(RailwayCalls, "execute", altered)
        fleet.count(0)
        fleet.tick(30.0)
        fleet.tick(30.0)
        assert set(sent(fleet)) == {"agentServiceUse"}
        assert len(sent(fleet)) <= 2
    assert len(fleet._left_services()) == 3
    fleet.tick(leftover_services.RETRY_SECONDS)
    assert fleet.leaks() == []


def test_environments_that_the_token_does_not_see_keep_the_services(
    fleet: KilledFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    drained(fleet)
    hidden = operations.SERVICE_USE.replace("canAccess", "canAccess: isEphemeral")
    monkeypatch.setattr(operations, "SERVICE_USE", hidden)
    fleet.tick(30.0)
    assert len(fleet._left_services()) == 3
    assert on_record(fleet) == 0


def test_a_project_token_asks_nothing_and_says_so_once(fleet: KilledFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(RailwayCalls, "has_project_token", True)
    monkeypatch.setattr(fleet.manager.tick._left, "_log", said.append)
    fleet.manager.pool.drain(1)
    fleet.count(0)
    fleet.tick(30.0)
    fleet.manager.pool.drain(2)
    fleet.tick(30.0)
    assert sent(fleet) == []
    assert on_record(fleet) == 0
    assert len(said) == 1
    assert "a project token does not see" in said[0]


def test_one_that_railway_does_not_delete_keeps_no_other(fleet: KilledFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = min(drained(fleet), key=lambda id_: fleet.ground.emulated.store.get("service", id_)["name"])
    execute = RailwayCalls.execute

    def refusing(self: Any, document: str, variables: Any) -> Any:
        if document.startswith("mutation agentsUnscopedDelete") and refused in variables.values():
            raise RailwayCallError("agentsUnscopedDelete", "not this one", "Refused", is_there=True)
        return execute(self, document, variables)

    monkeypatch.setattr(RailwayCalls, "execute", refusing)
    for _ in range(4):
        fleet.tick(leftover_services.RETRY_SECONDS)
    store = fleet.ground.emulated.store
    assert fleet._left_services() == [(store.get("service", refused) or {})["name"]]
    assert on_record(fleet) == 0


def test_the_calls_of_the_hour_are_for_claims_reads_and_new_agents_first(
    fleet: KilledFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    drained(fleet)
    left = 400

    def keep(_self: object, share: float = 0.0) -> None:
        if left <= 1000 * share:
            raise ThrottledError("calls are reserved for claims", 600.0, "the last ")

    monkeypatch.setattr(railway.Railway, "keep_for_claims", keep)
    fleet.count(0)
    fleet.tick(30.0)
    assert sent(fleet) == []
    assert len(fleet._left_services()) == 3
    left = 600
    fleet.tick(30.0)
    assert fleet.leaks() == []
