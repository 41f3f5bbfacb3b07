"""Agents that have a Railway project each: made, claimed, moved and deleted as others, and nobody else's is touched."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from convos_pool.agent_homes import AgentHome, AgentHomes, mark, marked_agent
from convos_pool.errors import PoolError, RailwayCallError, ThrottledError

from pool_contract.requests import ClaimRequest
from tests.emulator.fix_emulator import until
from tests.pool.fix_agent_projects import AgentProjects, services_of, volumes_of
from tests.pool.pool_process import run_to_end
from tests.pool.surroundings import IMAGE, NEXT_IMAGE, Surroundings, counts, until_idle

if TYPE_CHECKING:
    from convos_pool.serve import Service

WISH = {"agentName": "Ada", "instructions": "Be brief."}
CREATE = """mutation c($input: ProjectCreateInput!) {
  projectCreate(input: $input) { id environments { edges { node { id } } } } }"""
SERVICE = "mutation s($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"


@pytest.fixture
def projects(around: Surroundings) -> Iterator[AgentProjects]:
    found = AgentProjects(around)
    yield found
    found.end()


def test_each_agent_has_a_project_that_goes_with_it_and_no_other_project_is_touched(projects: AgentProjects) -> None:
    around = projects.around
    for given in (
        {"name": "convos-agent-abcdefghijkm"},
        {"name": "convos-agent-mkjihgfedcba", "description": mark("mkjihgfedcba", "another-environment")},
        {"name": "convos-agent-aaaaaaaaaaaa", "description": f"see: {mark('aaaaaaaaaaaa', around.environment_id)}"},
    ):
        around.world.run(CREATE, input=given)
    before = projects.strangers()
    # What a process leaves that is killed right after it has made the project: the next one finishes it.
    left = {"name": "convos-agent-abcdefghijkm", "description": mark("abcdefghijkm", around.environment_id)}
    around.world.run(CREATE, input={**left, "defaultEnvironmentName": "pool"})
    with projects.pool(POOL_MIN_IDLE="3") as pool:
        until_idle(pool, 3)
        found = projects.own()
        assert "abcdefghijkm" in found
        for id_, one in found.items():
            (row,) = services_of(one)
            (volume,) = volumes_of(one)
            assert one["name"] == row["serviceName"] == f"convos-agent-{id_}"
            assert (row["source"]["image"], volume["serviceId"]) == (IMAGE, row["serviceId"])
            assert [environment["node"]["name"] for environment in one["environments"]["edges"]] == ["pool"]
        assert around.services() == [], "the stack's own project has none"
        claimed = pool.json("POST", "/api/pool/claim", WISH)["instanceId"]
        until(lambda: _service(projects, claimed)["serviceName"] == f"convos-agent-ada-{claimed}", 20)
        until_idle(pool, 3)
        was = set(projects.own())
        assert pool.json("POST", "/api/pool/drain", {"count": 1})["drained"] == 1
        assert was - set(projects.own())
        # A colleague has put something of their own beside an agent.
        project = projects.own()[claimed]
        (environment,) = [edge["node"]["id"] for edge in project["environments"]["edges"]]
        service = {"projectId": project["id"], "environmentId": environment, "name": "grafana"}
        other = around.world.run(SERVICE, input=service)["serviceCreate"]["id"]
        answer = pool.call("DELETE", f"/api/pool/instances/{claimed}")
        assert answer.status_code == 409
        assert answer.json()["error"].startswith(
            "grafana: this service is in the project of an agent that is being deleted"
        )
        assert claimed in projects.own()
        around.world.run("mutation d($id: String!) { serviceDelete(id: $id) }", id=other)
        # The deletion is on record: a round finishes it.
        until(lambda: claimed not in projects.own(), 20, pool.printed)
        until(lambda: around.sql("SELECT count(*) FROM agent_metadata") == [(0,)], 20)
        assert pool.json("POST", "/api/pool/retire", {"claimed": True})["left"] == 0
        assert projects.own() == {}
    assert projects.strangers() == before


def test_creations_that_are_cut_off_leave_neither_a_second_project_nor_an_empty_one(projects: AgentProjects) -> None:
    around = projects.around
    steps = ("projectCreate", "serviceCreate", "volumeCreate", "serviceDomainCreate", "environmentPatchCommit")
    planted = [(kind, step) for kind in ("lost_answer", "opaque") for step in steps]
    # A project is not there for everybody at once (fact: new-project-lag).
    planted += [("not_authorized", "serviceCreate")]
    for kind, step in planted:
        around.emulator.fault(kind, operation=step)
    service, until_then = projects.service(POOL_MIN_IDLE="4"), time.monotonic() + 60
    while _idle(service) < 4:
        assert time.monotonic() < until_then
        with suppress(PoolError):
            service.tick.run()
    met = [(call["fault"], call["operation"]) for call in around.emulator.calls() if call["fault"]]
    assert sorted(met) == sorted(planted)
    found = projects.own().values()
    assert [len(services_of(one)) for one in found] == [1] * 4
    assert [len(volumes_of(one)) for one in found] == [1] * 4


def test_a_round_asks_once_for_a_hundred_agents_and_a_claim_once(projects: AgentProjects) -> None:
    around = projects.around
    service = projects.service(POOL_MIN_IDLE="3")
    service.tick.run()
    service.tick.run()
    around.emulator.forget_calls()
    service.tick.run()
    assert _asked(projects) == ["projects"] * projects.pages()
    around.emulator.forget_calls()
    claimed = service.pool.claim(ClaimRequest(agentName="Ada", instructions="Be brief.")).instanceId
    assert [call["fields"] for call in around.emulator.calls()] == [["serviceInstance", "variables"]]
    assert claimed in projects.own()
    around.emulator.forget_calls()
    assert len(service.patient.variables()) == 3
    assert len(around.emulator.calls()) == 1


def test_keys_and_images_reach_agents_in_their_projects_also_where_one_is_gone(projects: AgentProjects) -> None:
    around = projects.around
    policy = {
        "POOL_ROLLOUT_POLICY": "drain-and-replace",
        "POOL_ROLLOUT_BATCH": "3",
        "POOL_ROLLOUT_MAX_UNAVAILABLE": "3",
        "POOL_ROLLOUT_BAKE_MS": "0",
    }
    with projects.pool(POOL_MIN_IDLE="5", **policy) as pool:
        until_idle(pool, 5)
        claimed = pool.json("POST", "/api/pool/claim", WISH)["instanceId"]
        until_idle(pool, 5)
        pool.restart(BANKR_API_KEY="a-new-key")
        until(lambda: counts(pool).get("behindKeys") == 6, 30, pool.printed)
        pool.stop()
        gone = next(id_ for id_ in projects.own() if id_ != claimed)
        around.world.run("mutation d($id: String!) { projectDelete(id: $id) }", id=projects.own()[gone]["id"])
        pool.environ["RAILWAY_RUNTIME_IMAGE"] = NEXT_IMAGE
        pool.start()
        until(lambda: projects.images()[NEXT_IMAGE] == 5, 40, pool.printed)
        until(lambda: pool.json("GET", "/api/pool/rollout")["state"] == "waiting", 20)
        assert projects.images() == {NEXT_IMAGE: 5, IMAGE: 1}
        assert _service(projects, claimed)["source"]["image"] == IMAGE
        until(lambda: counts(pool).get("behindKeys") == 0, 20)


def test_variables_of_many_are_asked_for_again_without_the_project_that_is_gone(projects: AgentProjects) -> None:
    service = projects.service(POOL_MIN_IDLE="3")
    service.tick.run()
    service.tick.run()
    gone = next(iter(projects.own().values()))
    projects.around.world.run("mutation d($id: String!) { projectDelete(id: $id) }", id=gone["id"])
    (row,) = services_of(gone)
    found = service.patient.variables()
    assert len(found) == 2
    assert row["serviceId"] not in found


def test_throttles_are_waited_out_while_the_round_goes_on_and_tokens_take_turns(projects: AgentProjects) -> None:
    around = projects.around
    around.emulator.settings(creation_throttle_seconds=3600, further_tokens="token-of-b, token-of-c")
    service = projects.service(POOL_MIN_IDLE="5", POOL_RAILWAY_TOKENS="token-of-b,token-of-c")
    made = service.tick.run().created
    # The user of the first token may have created the test's own project just now.
    assert len(made) in {2, 3}, "one for each user"
    words = f"limit: {5 - len(made)} agents are still to be created: Railway allows a user one new project every 30 s"
    assert (service.tick.held.words, len(projects.own())) == (words, len(made))
    assert 0 < service.tick.seconds_until_creation <= 31
    around.emulator.forget_calls()
    assert service.tick.run().created == ()
    assert _asked(projects) == ["projects"] * projects.pages(), "no project is asked for before it is time"
    assert service.pool.claim(ClaimRequest(agentName="Ada", instructions="Be brief.")).instanceId in made
    around.emulator.settings(creation_throttle_seconds=0)


def test_a_token_that_is_used_up_or_revoked_is_left_out(projects: AgentProjects) -> None:
    around = projects.around
    around.emulator.settings(further_tokens="token-of-b", requests_per_hour=30)
    service = projects.service(POOL_MIN_IDLE="2", POOL_RAILWAY_TOKENS="token-of-b,revoked-token")
    for _ in range(4):
        with suppress(PoolError):
            service.tick.run()
    assert _idle(service) == 2
    for _ in range(2):
        service.pool.claim(ClaimRequest(agentName="Ada", instructions="Be brief."))
    # All of them are used up: it is said, with the seconds.
    with pytest.raises(ThrottledError, match="again in") as refused:
        _until_refused(service)
    assert 3000 < refused.value.seconds <= 3601
    around.emulator.settings(requests_per_hour=0)


def test_the_workspace_may_be_full(projects: AgentProjects) -> None:
    limit = len(projects.all()) + 2
    service = projects.service(POOL_MIN_IDLE="5", POOL_PROJECT_LIMIT=str(limit))
    assert len(service.tick.run().created) == 2
    service.tick.run()
    words = f"limit: the workspace has {limit} of {limit} projects, so no more agents are created"
    assert service.tick.held.words.startswith(words)
    assert len(projects.own()) == 2


def test_a_project_token_is_refused_at_the_start() -> None:
    given = {
        **dict.fromkeys(("POOL_API_KEY", "RAILWAY_API_TOKEN", "RAILWAY_PROJECT_ID", "RAILWAY_ENVIRONMENT_ID"), "x"),
        "DATABASE_URL": "postgresql://u@h/d",
        "RAILWAY_TOKEN_KIND": "project",
        "POOL_AGENT_PROJECTS": "per-agent",
        "POOL_RAILWAY_TOKENS": "secret-one",
    }
    ended = run_to_end(given)
    assert ended.returncode == 1
    assert (
        "POOL_AGENT_PROJECTS: a project token cannot create projects; use an account or workspace token" in ended.stderr
    )
    assert "POOL_RAILWAY_TOKENS: RAILWAY_API_TOKEN is a project token" in ended.stderr
    assert "secret-one" not in ended.stderr


@pytest.mark.parametrize("id_", ["abcdefghijkm", "A_b-C_d-E_f1"])
def test_a_mark_is_read_as_it_was_written_and_nothing_else_is(id_: str) -> None:
    text = mark(id_, "env-1")
    assert marked_agent(text, "env-1") == id_
    for other in (text + " ", f" {text}", text.lower(), text + "\n", text.replace("env-1", "env-10"), "", None):
        assert marked_agent(other, "env-1") is None
    assert marked_agent(mark(id_, "env-10"), "env-1") is None


def test_a_home_that_was_made_is_known_before_it_is_listed_and_not_for_ever() -> None:
    now = [0.0]
    homes, home = AgentHomes(lambda: now[0]), AgentHome("p", "e")
    homes.made("s", home)
    homes.listed({}, 4)
    assert (homes.of("s"), homes.projects) == (home, 4)
    now[0] = 61.0
    homes.listed({"t": home}, 5)
    assert set(homes.all()) == {"t"}
    with pytest.raises(RailwayCallError, match="no project of this pool has service s"):
        homes.of("s")
    homes.gone("t")
    assert homes.all() == {}


def _until_refused(service: Service) -> None:
    for _ in range(80):
        service.patient.instances()


def _asked(projects: AgentProjects) -> list[str]:
    return [call["operation"] for call in projects.around.emulator.calls()]


def _idle(service: Service) -> int:
    snapshot = service.pool.latest
    return sum(agent.state == "idle" for agent in snapshot.agents.values()) if snapshot is not None else 0


def _service(projects: AgentProjects, id_: str) -> dict[str, Any]:
    (row,) = services_of(projects.own()[id_])
    return row
