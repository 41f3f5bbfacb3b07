"""Several first updates of one project at the same time, call by call in an order that a seed decides.

RACES=2000 in the environment runs that many seeds of each; without it a sample runs.
"""

from __future__ import annotations

import functools
import os
import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from convos_infra.errors import InfraError
from convos_infra.railway.resources.environment import EnvironmentProvider
from convos_infra.railway.resources.first_made import keep_first_made
from convos_infra.railway.resources.project import ProjectProvider, _namesakes
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.workspace import workspace_id
from convos_infra.railway.session import RailwayProvider
from tests.emulator.fix_emulator import Emulator
from tests.railway.fix_resources import Place, Runs
from tests.railway.turns import Racer, Turns, race, racer

RACES = int(os.environ.get("RACES", "40"))
DELETE_PROJECT = "mutation d($id: String!) { projectDelete(id: $id) }"
CREATE_PROJECT = """
mutation c($name: String!) { projectCreate(input: {name: $name, defaultEnvironmentName: "base"}) { id } }"""
CREATE_SERVICE = 'mutation c($id: String!) { serviceCreate(input: {projectId: $id, name: "theirs"}) { id } }'


def created(kind: type[RailwayProvider], one: Racer, props: Mapping[str, Any]) -> Any:
    provider = kind()
    provider.session = lambda: one.session  # type: ignore[method-assign]
    return provider.created(dict(props))


def projects(emulator: Emulator, name: str) -> list[str]:
    rows = emulator.admin("GET", "/snapshot")["projects"]
    return [str(row["id"]) for row in rows if row["name"] == name]


@pytest.mark.parametrize("runners", [2, 3])
def test_of_projects_made_at_once_exactly_one_remains_and_every_update_uses_it(runs: Runs, runners: int) -> None:
    yielded = 0
    for seed in range(RACES):
        name = f"r-{uuid.uuid4().hex[:12]}"
        turns = Turns(seed, runners)
        racers = [racer(runs.emulator, turns, number) for number in range(runners)]
        race(turns, racers, lambda one, name=name: created(ProjectProvider, one, {"name": name}))
        left = projects(runs.emulator, name)
        assert len(left) == 1, (seed, left)
        went_on = [one for one in racers if one.error is None]
        assert went_on, (seed, [str(one.error) for one in racers])
        assert {one.result.id for one in went_on} == set(left), seed
        assert {one.result.outs["baseEnvironmentId"] for one in went_on} != {""}, seed
        for one in racers:
            assert set(one.deleted) <= set(one.made), f"seed {seed}: one that another update made was deleted"
            if one.error is not None:
                # It came while two were there: that is said, with both ids.
                assert f"project {name}: there are" in str(one.error), (seed, str(one.error))
            if one.deleted:
                yielded += 1
                assert not one.result.outs["owned"], seed
                assert any(one.deleted[0] in line and left[0] in line for line in one.said), one.said
        runs.emulator.run(DELETE_PROJECT, id=left[0])
    assert yielded, "no interleaving made two projects: the test shows nothing"


def with_a_person(emulator: Emulator, turns: Turns, name: str, theirs: list[str], one: Racer) -> Any:
    """Update as the first two do; the third is a person, who may make a project and puts a service into one."""
    if one.number < 2:
        return created(ProjectProvider, one, {"name": name})
    if turns.random.random() < 0.5:
        turns.take(2)
        theirs.append(emulator.run(CREATE_PROJECT, name=name)["projectCreate"]["id"])
    for _ in range(turns.random.randrange(8)):
        turns.take(2)
    there = projects(emulator, name)
    if there:
        id_ = turns.random.choice(there)
        emulator.run(CREATE_SERVICE, id=id_)
        turns.done.append((2, "put", id_))
    return None


def test_a_project_in_which_somebody_put_something_meanwhile_is_never_deleted(runs: Runs) -> None:
    stopped = 0
    for seed in range(RACES):
        name = f"r-{uuid.uuid4().hex[:12]}"
        turns = Turns(seed, 3)
        racers = [racer(runs.emulator, turns, number) for number in range(2)]
        person = racer(runs.emulator, turns, 2)
        theirs: list[str] = []

        acts = functools.partial(with_a_person, runs.emulator, turns, name, theirs)
        race(turns, [*racers, person], acts)
        left = projects(runs.emulator, name)
        assert person.error is None, (seed, person.error)
        in_the_way = [one for one in racers if one.error is not None]
        stopped += len(in_the_way)
        for one in racers:
            assert set(one.deleted) <= set(one.made), seed
            for id_ in one.deleted:
                # Between the last look and the deletion lies one call: what is put in just then cannot be seen.
                looked = turns.done[: turns.done.index((one.number, "projectDelete", id_))]
                last = max(n for n, step in enumerate(looked) if step == (one.number, "project", id_))
                assert (2, "put", id_) not in looked[:last], f"seed {seed}: deleted, though somebody used it"
        for one in in_the_way:
            assert all(id_ in str(one.error) for id_ in left) or "does not list" in str(one.error), (seed, one.error)
        # What the person made after everybody had looked is no update's to find.
        assert len(set(left) - set(theirs)) <= 1 or in_the_way, f"seed {seed}: several remain, and nobody was told"
        assert set(theirs) <= set(left), seed
        for id_ in left:
            runs.emulator.run(DELETE_PROJECT, id=id_)
    assert stopped, "nobody was ever in the way: the test shows nothing"


def test_an_update_whose_younger_project_is_in_use_stops_and_names_both(runs: Runs) -> None:
    name = f"r-{uuid.uuid4().hex[:12]}"
    older = runs.emulator.run(CREATE_PROJECT, name=name)["projectCreate"]["id"]
    mine = runs.emulator.run(CREATE_PROJECT, name=name)["projectCreate"]["id"]
    runs.emulator.run(CREATE_SERVICE, id=mine)
    session = runs.provider(ProjectProvider).session()
    with pytest.raises(InfraError, match="at the same time") as stopped:
        keep_first_made(session, mine, _namesakes(session, {"name": name}, workspace_id(session, {})))
    assert older in str(stopped.value)
    assert mine in str(stopped.value)
    assert set(projects(runs.emulator, name)) == {older, mine}


def test_of_environments_made_at_once_one_remains_and_both_updates_use_it(at: Place) -> None:
    base = at.project.outputs["baseEnvironmentId"]
    assert RACES > 0
    for seed in range(RACES):
        name = f"e-{seed}"
        turns = Turns(seed, 2)
        racers = [racer(at.runs.emulator, turns, number) for number in range(2)]
        props = {"projectId": at.project.id, "name": name, "baseEnvironmentId": base}
        race(turns, racers, lambda one, props=props: created(EnvironmentProvider, one, props))
        assert [str(one.error) for one in racers if one.error] == [], seed
        assert len({one.result.id for one in racers}) == 1, seed
        assert [one.deleted for one in racers] == [[], []], seed


def test_of_services_made_at_once_in_two_environments_both_are_the_one_service(at: Place) -> None:
    """Two stacks of one project begin at once: a service's name is the project's, its instances are theirs."""
    base = at.project.outputs["baseEnvironmentId"]
    other = at.runs.create(
        EnvironmentProvider, {"projectId": at.project.id, "name": "other", "baseEnvironmentId": base}
    )
    assert RACES > 0
    for seed in range(RACES):
        turns = Turns(seed, 2)
        racers = [racer(at.runs.emulator, turns, number) for number in range(2)]
        where = [at.environment.id, other.id]

        def run(one: Racer, where: list[str] = where, seed: int = seed) -> Any:
            props = {"projectId": at.project.id, "environmentId": where[one.number], "name": f"s-{seed}"}
            return created(ServiceProvider, one, props)

        race(turns, racers, run)
        assert [str(one.error) for one in racers if one.error] == [], seed
        assert len({one.result.id for one in racers}) == 1, seed
        for id_ in where:
            assert (
                racers[0].result.id
                in at.runs.emulator.admin("GET", f"/snapshot?environment={id_}")["config"]["services"]
            )
