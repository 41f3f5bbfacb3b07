"""What an update makes, renames or removes itself counts for references in its preview; the update waits for it."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.runtime.rpc import UNKNOWN

from convos_infra.errors import InfraError
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.service_domain import ServiceDomainProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.resources.shared_variables import SharedVariablesProvider
from tests.railway.fix_resources import IMAGE, OTHER_IMAGE, Made, Place, patch
from tests.railway.referring import (
    DATABASE,
    URL,
    checked,
    declared_first,
    inputs,
    refusals,
    renamed,
    running,
    with_database,
)


def test_what_the_same_update_makes_is_not_refused(at: Place) -> None:
    _, web = with_database(at)
    cache = {**at.ids, "serviceId": UNKNOWN, "service": "cache"}
    provider = declared_first(
        at,
        checked(ServiceProvider, {**at.ids, "name": "cache"}),
        checked(SharedVariablesProvider, {**at.ids, "variables": {"KEY": "k"}}),
        checked(ServiceDomainProvider, cache),
    )
    variables = {
        "A": "${{cache.URL}}",
        "B": "${{shared.KEY}}",
        "C": "${{cache.RAILWAY_PUBLIC_DOMAIN}}",
        "D": "${{cache.RAILWAY_PRIVATE_DOMAIN}}",
        "DATABASE_URL": URL,
    }
    assert refusals(at, {**web.inputs, "variables": variables}, web.inputs, provider) == []
    news = {**cache, "image": IMAGE, "unmanagedVariables": "keep", "variables": {"URL": UNKNOWN}}
    assert refusals(at, news, {}, provider) == []


def test_a_variable_that_a_new_service_will_not_have_is_refused_as_soon_as_that_is_known(at: Place) -> None:
    _, web = with_database(at)
    provider = declared_first(at, checked(ServiceProvider, {**at.ids, "name": "cache"}))
    variables = {**web.inputs["variables"], "A": "${{cache.ULR}}"}
    assert refusals(at, {**web.inputs, "variables": variables}, web.inputs, provider) == []
    news = {**at.ids, "serviceId": UNKNOWN, "service": "cache", "image": IMAGE, "unmanagedVariables": "keep"}
    [text] = refusals(at, {**news, "variables": {"URL": "x"}}, {}, provider)
    assert text.startswith("variables.A: web: A refers to ${{cache.ULR}}, but service cache has no variable ULR (URL?)")


def test_the_first_preview_of_a_new_environment_refuses_only_what_can_never_lead_anywhere(at: Place) -> None:
    new = {"projectId": UNKNOWN, "environmentId": UNKNOWN, "serviceId": UNKNOWN, "service": "web", "image": IMAGE}
    good = {"A": URL, "B": "${{shared.X}}", "C": "${{later.Y}}", "D": "${{A}}", "E": "${{RAILWAY_PUBLIC_DOMAIN}}"}
    news = {**new, "unmanagedVariables": "keep", "variables": good}
    assert refusals(at, news) == []
    found = refusals(at, {**news, "variables": {**good, "F": "${{F}}", "G": "${{H}}", "H": "${{G}}"}})
    assert [line.partition(":")[0] for line in found] == ["variables.F", "variables.G", "variables.H"]
    assert at.runs.emulator.calls() == []


def test_a_service_that_this_update_renames_is_found_by_its_new_name_and_refused_by_its_old(at: Place) -> None:
    postgres, web = with_database(at)
    rename = checked(ServiceProvider, {**at.ids, "name": "db"}, postgres.inputs)
    [text] = refusals(at, dict(web.inputs), web.inputs, declared_first(at, rename))
    assert "but no service of this environment is named postgres" in text
    news = {**web.inputs, "variables": {"DATABASE_URL": "${{db.DATABASE_URL}}"}}
    assert refusals(at, news, web.inputs, declared_first(at, rename)) == []


def test_a_variable_that_this_update_takes_away_is_refused_to_those_that_refer_to_it(at: Place) -> None:
    postgres, web = with_database(at)
    olds = {**inputs(at, postgres, DATABASE), "deploys": "1 deployment: x (change 1)"}
    news = inputs(at, postgres, {"PASSWORD": "s3cret"})
    provider = declared_first(at, checked(ServiceInstanceProvider, news, olds))
    [text] = refusals(at, dict(web.inputs), web.inputs, provider)
    assert "but service postgres has no variable DATABASE_URL" in text


def test_a_variable_that_a_colleague_took_away_is_not_believed_to_be_there_as_the_program_says(at: Place) -> None:
    postgres, web = with_database(at)
    patch(at, {"services": {postgres.id: {"variables": {"DATABASE_URL": None}}}})
    stays = {**inputs(at, postgres, DATABASE), "deploys": "1 deployment: x (change 1)"}
    provider = declared_first(at, checked(ServiceInstanceProvider, stays, stays))
    [text] = refusals(at, {**web.inputs, "image": OTHER_IMAGE}, web.inputs, provider)
    assert "but service postgres has no variable DATABASE_URL" in text


def test_more_replicas_are_not_refused_for_a_reference_as_nothing_is_deployed_for_them(at: Place) -> None:
    postgres, web = with_database(at)
    renamed(at, postgres, "main-db")
    scaled = {**web.inputs, "multiRegionConfig": {"us-west2": {"numReplicas": 2.0}}}
    assert refusals(at, scaled, web.inputs) == []
    news = at.runs.checked(ServiceInstanceProvider, scaled, web.inputs)
    at.runs.provider(ServiceInstanceProvider).updated(web.id, dict(web.outputs), news)
    assert at.runs.deployments() == 0


def test_what_another_resource_of_the_same_update_makes_is_waited_for(at: Place, monkeypatch: Any) -> None:
    postgres, web = with_database(at)
    provider = at.runs.provider(ServiceInstanceProvider)
    session = provider.session()
    stays = {**inputs(at, postgres, DATABASE), "deploys": "1 deployment: x (change 1)"}
    more = {**DATABASE, "NEW": "made later"}
    checked(ServiceInstanceProvider, inputs(at, postgres, more), stays)(provider)
    news, failed = provider.checked(web.inputs, {**web.inputs, "variables": {"X": "${{postgres.NEW}}"}})
    assert failed == []
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            patch(at, {"services": {postgres.id: {"variables": {"NEW": {"value": "made later"}}}}})

    monkeypatch.setattr(session.client, "sleep", sleep)
    result = provider.updated(web.id, dict(web.outputs), news)
    assert len(slept) >= 2
    assert running(at, Made(ServiceInstanceProvider, web.id, dict(result.outs or {}), news))["X"] == "made later"
    assert [line for line in at.runs.said if "waits for postgres.NEW, which this update makes" in line] != []


def test_what_is_never_made_is_refused_in_the_end_and_nothing_is_deployed(at: Place, monkeypatch: Any) -> None:
    postgres, web = with_database(at)
    provider = at.runs.provider(ServiceInstanceProvider)
    session = provider.session()
    stays = {**inputs(at, postgres, DATABASE), "deploys": "1 deployment: x (change 1)"}
    checked(ServiceInstanceProvider, inputs(at, postgres, {**DATABASE, "NEW": "x"}), stays)(provider)
    news, _ = provider.checked(web.inputs, {**web.inputs, "variables": {"X": "${{postgres.NEW}}"}})
    now = [0.0]
    monkeypatch.setattr(session.client, "clock", lambda: now[0])
    monkeypatch.setattr(session.client, "sleep", lambda seconds: now.__setitem__(0, now[0] + 50.0))
    with pytest.raises(InfraError, match=r"^web: X refers to .*postgres\.NEW.*after 120 s.*depends_on"):
        provider.updated(web.id, dict(web.outputs), news)
    assert at.runs.mutations() == []


def test_a_service_that_this_update_is_still_renaming_is_waited_for(at: Place, monkeypatch: Any) -> None:
    postgres, web = with_database(at)
    stays = {**inputs(at, postgres, DATABASE), "deploys": "1 deployment: x (change 1)"}
    provider = declared_first(
        at,
        checked(ServiceProvider, {**at.ids, "name": "db"}, postgres.inputs),
        checked(ServiceInstanceProvider, {**stays, "service": "db"}, {**stays, "service": "db"}),
    )
    wanted = {**web.inputs, "variables": {"DATABASE_URL": "${{db.DATABASE_URL}}"}}
    news, failed = provider.checked(web.inputs, wanted)
    assert failed == []
    monkeypatch.setattr(provider.session().client, "sleep", lambda _: renamed(at, postgres, "db"))
    result = provider.updated(web.id, dict(web.outputs), news)
    done = Made(ServiceInstanceProvider, web.id, dict(result.outs or {}), news)
    assert running(at, done)["DATABASE_URL"].startswith("postgresql://")


@pytest.mark.parametrize("value", ["${{X}}", "${{EMPTY}}", "${{ }}", "${{a.b.C}}", "${{Y}}"])
def test_what_no_update_can_mend_is_refused_at_once_and_not_waited_for(at: Place, value: str, monkeypatch: Any) -> None:
    _, web = with_database(at)
    provider = at.runs.provider(ServiceInstanceProvider)
    wanted = {
        **web.inputs,
        "variables": {"X": value, "Y": "${{X}}", "EMPTY": ""},
        "deploys": "1 deployment: x (change 9)",
    }
    assert provider.checked(web.inputs, wanted)[1] != []
    monkeypatch.setattr(provider.session().client, "sleep", lambda _: pytest.fail("it waits"))
    with pytest.raises(InfraError, match=r"^web: [XY] "):
        provider.updated(web.id, dict(web.outputs), wanted)
    assert at.runs.mutations() == []


def test_a_failure_of_what_is_waited_for_ends_the_wait(at: Place, monkeypatch: Any) -> None:
    postgres, web = with_database(at)
    provider = at.runs.provider(ServiceInstanceProvider)
    session = provider.session()
    stays = {**inputs(at, postgres, DATABASE), "deploys": "1 deployment: x (change 1)"}
    checked(ServiceInstanceProvider, inputs(at, postgres, {**DATABASE, "NEW": "x"}), stays)(provider)
    news, _ = provider.checked(web.inputs, {**web.inputs, "variables": {"X": "${{postgres.NEW}}"}})
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        session.declaring.failed(at.environment.id, "postgres")

    monkeypatch.setattr(session.client, "sleep", sleep)
    with pytest.raises(
        InfraError, match=r"^web: X refers to .*postgres\.NEW.* but service postgres has no variable NEW;"
    ):
        provider.updated(web.id, dict(web.outputs), news)
    assert len(slept) == 1
