"""What an update changes in one place is deployed by the services that refer to it, as its preview announced."""

from __future__ import annotations

import copy

import pytest

from convos_infra.railway.change import announced
from convos_infra.railway.resources.environment import EnvironmentProvider
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.resources.shared_variables import SharedVariablesProvider
from convos_infra.railway.session import RailwayProvider
from tests.railway.fix_resources import IMAGE, Made, Place, Props, patch, refreshed
from tests.railway.referring import DATABASE, DEPLOY, inputs, renamed, running, with_database


def one_run(at: Place, *changes: tuple[Made, Props]) -> list[tuple[int, Made]]:
    """Preview these in one process, update them in another; returns what was announced and what is there afterwards."""
    said = [announced(made.inputs, found) for (made, _), found in zip(changes, _checked(at, changes), strict=True)]
    first = at.runs.provider(ServiceInstanceProvider)
    done = []
    for made, news in changes:
        provider = _like(first, made)
        found, failures = provider.checked(copy.deepcopy(made.inputs), copy.deepcopy(news))
        assert failures == []
        outputs: Props = dict(made.outputs)
        if provider.changed(made.id, made.outputs, found).changes:
            outputs = dict(provider.updated(made.id, copy.deepcopy(made.outputs), copy.deepcopy(found)).outs or {})
        done.append(Made(made.provider, made.id, outputs, found))
    return list(zip(said, done, strict=True))


def _checked(at: Place, changes: tuple[tuple[Made, Props], ...]) -> list[Props]:
    first = at.runs.provider(ServiceInstanceProvider)
    return [_like(first, made).checked(copy.deepcopy(made.inputs), copy.deepcopy(news))[0] for made, news in changes]


def _like(first: RailwayProvider, made: Made) -> RailwayProvider:
    provider = made.provider()
    provider._config = first._config
    return provider


def database(at: Place, postgres: Made) -> Made:
    """Return the configuration of postgres as the state has it."""
    read = refreshed(
        at, Made(ServiceInstanceProvider, f"{at.environment.id}/{postgres.id}", inputs(at, postgres, DATABASE), {})
    )
    return Made(read.provider, read.id, read.outputs, read.inputs)


def test_a_new_password_is_deployed_by_those_that_refer_to_it_through_a_url(at: Place) -> None:
    postgres, web = with_database(at)
    new = inputs(at, postgres, {**DATABASE, "PASSWORD": "n3w"})
    [(one, _), (other, done)] = one_run(at, (database(at, postgres), new), (web, web.inputs))
    assert (one, other) == (1, 1)
    assert done.inputs["rerenders"] == ["DATABASE_URL"]
    assert "DATABASE_URL (refers to what changes)" in done.inputs["deploys"]
    assert "u:n3w@" in running(at, done)["DATABASE_URL"]
    assert at.runs.deployments() == 2
    assert "notRunning" not in refreshed(at, done).inputs
    assert not at.runs.differs(done, web.inputs)


def test_what_changes_and_is_not_referred_to_costs_the_others_nothing(at: Place) -> None:
    postgres, web = with_database(at)
    new = inputs(at, postgres, {**DATABASE, "OTHER": "1"})
    [(one, _), (other, done)] = one_run(at, (database(at, postgres), new), (web, web.inputs))
    assert (one, other) == (1, 0)
    assert "rerenders" not in done.inputs
    assert at.runs.deployments() == 1


def test_a_value_that_only_the_environment_had_lost_is_put_back_and_what_runs_with_it_is_left_alone(at: Place) -> None:
    postgres, web = with_database(at)
    before = database(at, postgres)
    patch_of = {"services": {postgres.id: {"variables": {"PASSWORD": {"value": "theirs"}}}}}
    patch(at, patch_of)
    drifted = refreshed(at, before)
    at.runs.deployments()
    [(_, _), (other, done)] = one_run(at, (drifted, inputs(at, postgres, DATABASE)), (web, web.inputs))
    assert other == 0
    assert done.inputs["change"]["atMost"] == 1
    assert at.runs.deployments() == 1
    assert "u:s3cret@" in running(at, done)["DATABASE_URL"]


def test_what_others_put_between_is_followed_to_what_changes(at: Place) -> None:
    _, web = with_database(at)
    shared = at.runs.create(SharedVariablesProvider, {**at.ids, "variables": {"KEY": "old"}})
    theirs = at.runs.create(ServiceProvider, {**at.ids, "name": "theirs"})
    patch(at, {"services": {theirs.id: {"variables": {"URL": {"value": "k=${{shared.KEY}}"}}}}})
    web = at.runs.update(web, {**web.inputs, "variables": {"X": "<${{theirs.URL}}>"}})
    at.runs.deployments()
    new = {**at.ids, "variables": {"KEY": "new"}}
    [(_, _), (other, done)] = one_run(at, (shared, new), (web, web.inputs))
    assert other == 1
    assert running(at, done)["X"] == "<k=new>"
    assert at.runs.deployments() == 1


@pytest.mark.parametrize("reference", ["${{RAILWAY_ENVIRONMENT_NAME}}", "${{postgres.RAILWAY_ENVIRONMENT_NAME}}"])
def test_another_name_of_the_environment_is_deployed_where_it_is_referred_to(at: Place, reference: str) -> None:
    _, web = with_database(at)
    web = at.runs.update(web, {**web.inputs, "variables": {"X": reference}})
    at.runs.deployments()
    assert at.environment.provider is EnvironmentProvider
    new = {**at.environment.inputs, "name": "renamed"}
    [(_, _), (other, done)] = one_run(at, (at.environment, new), (web, web.inputs))
    assert other == 1
    assert running(at, done)["X"] == "renamed"
    assert at.runs.deployments() == 1


def test_a_private_domain_that_a_rename_has_changed_is_read_and_compared(at: Place) -> None:
    postgres, _ = with_database(at)
    before = database(at, postgres)
    renamed(at, postgres, "theirs")
    at.runs.emulator.run(DEPLOY, s=postgres.id, e=at.environment.id)
    renamed(at, postgres, "postgres")
    read = refreshed(at, before)
    assert read.inputs["notRunning"] == ["DATABASE_URL"]
    done = at.runs.update(read, inputs(at, postgres, DATABASE))
    assert "@postgres.railway.internal:" in running(at, done)["DATABASE_URL"]
    assert "notRunning" not in refreshed(at, done).inputs


def test_a_rename_that_an_update_takes_back_is_deployed_by_what_ran_under_the_other_name(at: Place) -> None:
    postgres, _ = with_database(at)
    renamed(at, postgres, "theirs")
    at.runs.emulator.run(DEPLOY, s=postgres.id, e=at.environment.id)
    service, configuration = refreshed(at, postgres), refreshed(at, database(at, postgres))
    assert "notRunning" not in configuration.inputs
    at.runs.deployments()
    back = inputs(at, postgres, DATABASE)
    [(_, _), (one, done)] = one_run(at, (service, {**at.ids, "name": "postgres"}), (configuration, back))
    assert one == 1
    assert "@postgres.railway.internal:" in running(at, done)["DATABASE_URL"]
    assert at.runs.deployments() == 1


def test_an_update_without_changes_asks_nothing_for_it(at: Place) -> None:
    postgres, web = with_database(at)
    known = database(at, postgres)
    at.runs.emulator.forget_calls()
    found = _checked(at, ((known, known.inputs), (web, {**web.inputs, "image": IMAGE})))
    assert ["rerenders" in row for row in found] == [False, False]
    assert at.runs.emulator.calls() == []


def test_a_private_domain_that_railway_does_not_tell_is_not_compared_and_is_asked_for_once(at: Place) -> None:
    postgres, web = with_database(at)
    for operation in ("deploymentSnapshot", "variables"):
        at.runs.emulator.fault("not_authorized", operation=operation, times=50)
    provider = at.runs.provider(ServiceInstanceProvider)
    news = {**web.inputs, "variables": {**web.inputs["variables"], "OTHER": "1"}}
    found, failures = provider.checked(copy.deepcopy(web.inputs), news)
    assert failures == []
    assert announced(web.inputs, found) == 1
    snapshots, snapshot = provider.session().snapshots, provider.session().living(at.ids, subject="test")
    assert snapshots.private_domains(snapshot, {postgres.id}) == {}
    at.runs.emulator.forget_calls()
    assert snapshots.private_domains(snapshot, {postgres.id}) == {}
    assert at.runs.emulator.calls() == []
