"""A reference that leads nowhere is refused in the preview and before the patch; one that was empty when it was
deployed is drift of what runs (row 42 of the table of tests, fault S4)."""

from __future__ import annotations

import pytest

from convos_infra.errors import InfraError
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.service_domain import ServiceDomainProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.resources.shared_variables import SharedVariablesProvider
from tests.railway.fix_resources import OTHER_IMAGE, Made, Place, patch, refreshed
from tests.railway.referring import (
    DATABASE,
    DEPLOY,
    inputs,
    refusals,
    renamed,
    running,
    with_database,
)


def test_a_rename_by_a_colleague_is_refused_in_preview_when_something_unrelated_changes(at: Place) -> None:
    postgres, web = with_database(at)
    renamed(at, postgres, "main-db")
    [text] = refusals(at, {**web.inputs, "startCommand": "new"}, web.inputs)
    assert text.startswith(
        "variables.DATABASE_URL: web: DATABASE_URL refers to ${{postgres.DATABASE_URL}}, "
        "but no service of this environment is named postgres"
    )
    assert "s3cret" not in text
    assert at.runs.mutations() == []


def test_a_preview_without_changes_sends_nothing_although_a_reference_leads_nowhere(at: Place) -> None:
    postgres, web = with_database(at)
    renamed(at, postgres, "main-db")
    at.runs.emulator.forget_calls()
    assert not at.runs.differs(web)
    assert at.runs.emulator.calls() == []


def test_the_name_that_a_service_got_from_a_colleague_is_told_where_the_program_has_the_service(at: Place) -> None:
    postgres, web = with_database(at)
    renamed(at, postgres, "main-db")
    provider = at.runs.provider(ServiceInstanceProvider)
    stays = inputs(at, postgres, DATABASE)
    assert provider.checked({**stays, "deploys": "x"}, stays)[1] == []
    [text] = refusals(at, {**web.inputs, "startCommand": "new"}, web.inputs, provider)
    assert "is named postgres (it was renamed to main-db); pulumi refresh records the new name" in text


def test_a_rename_between_preview_and_update_is_refused_before_anything_is_deployed(at: Place) -> None:
    postgres, web = with_database(at)
    news = at.runs.checked(ServiceInstanceProvider, {**web.inputs, "startCommand": "new"}, web.inputs)
    renamed(at, postgres, "main-db")
    with pytest.raises(InfraError, match=r"^web: DATABASE_URL refers to .* no service .* is named postgres.*; correct"):
        at.runs.provider(ServiceInstanceProvider).updated(web.id, dict(web.outputs), news)
    assert at.runs.mutations() == []
    assert running(at, web)["DATABASE_URL"].startswith("postgresql://u:s3cret@postgres.")


def test_a_refresh_shows_a_reference_that_leads_nowhere_now_and_the_next_preview_refuses_it(at: Place) -> None:
    postgres, web = with_database(at)
    renamed(at, postgres, "main-db")
    read = refreshed(at, web)
    assert read.inputs["notRunning"] == ["DATABASE_URL"]
    assert at.runs.drift(web, read)
    assert len(refusals(at, web.inputs, read.inputs)) == 1


def test_a_service_that_gets_its_name_back_in_the_same_update_costs_its_references_no_deployment(at: Place) -> None:
    postgres, web = with_database(at)
    renamed(at, postgres, "main-db")
    read_postgres, read_web = refreshed(at, postgres), refreshed(at, web)
    assert read_postgres.inputs["name"] == "main-db"
    provider = at.runs.provider(ServiceInstanceProvider)
    services = ServiceProvider()
    services._config = provider._config
    renames, failed = services.checked(read_postgres.inputs, {**at.ids, "name": "postgres"})
    assert failed == []
    news, failed = provider.checked(read_web.inputs, dict(web.inputs))
    assert failed == []
    assert "redeploys" not in news
    services.updated(postgres.id, dict(read_postgres.outputs), renames)
    result = provider.updated(web.id, dict(read_web.outputs), news)
    assert at.runs.mutations() == ["serviceUpdate"]
    done = Made(ServiceInstanceProvider, web.id, dict(result.outs or {}), news)
    assert "notRunning" not in refreshed(at, done).inputs
    assert not at.runs.differs(done, web.inputs)


def test_an_empty_value_that_still_runs_after_a_rename_forth_and_back_is_mended_by_one_deployment(at: Place) -> None:
    postgres, web = with_database(at)
    renamed(at, postgres, "main-db")
    at.runs.emulator.run(DEPLOY, s=at.service.id, e=at.environment.id)
    renamed(at, postgres, "postgres")
    read = refreshed(at, web)
    assert running(at, read)["DATABASE_URL"] == ""
    assert read.inputs["notRunning"] == ["DATABASE_URL"]
    assert at.runs.drift(web, read)
    at.runs.emulator.forget_calls()
    done = at.runs.update(read, web.inputs)
    assert done.inputs["deploys"].startswith("1 deployment: DATABASE_URL (stored, not running)")
    assert at.runs.deployments() == 1
    assert running(at, done)["DATABASE_URL"].startswith("postgresql://u:s3cret@")
    again = refreshed(at, done)
    assert "notRunning" not in again.inputs
    assert not at.runs.differs(again, web.inputs)


def test_a_source_that_was_changed_without_its_dependents_is_drift_of_what_they_run(at: Place) -> None:
    _, web = with_database(at)
    assert "notRunning" not in refreshed(at, web).inputs
    postgres_id = next(id_ for id_ in _services(at) if id_ != at.service.id)
    patch(at, {"services": {postgres_id: {"variables": {"PASSWORD": {"value": "an0ther"}}}}})
    assert refreshed(at, web).inputs["notRunning"] == ["DATABASE_URL"]


def test_a_refresh_still_costs_two_calls_for_all_services(at: Place) -> None:
    _, web = with_database(at)
    at.runs.emulator.forget_calls()
    provider = at.runs.provider(ServiceInstanceProvider)
    for _ in range(3):
        provider.current(web.id, dict(web.outputs))
    assert [call["operation"] for call in at.runs.emulator.calls()] == ["environment", "deploymentSnapshot"]


def _services(at: Place) -> list[str]:
    document = "query q($e: String!) { environment(id: $e) { serviceInstances { edges { node { serviceId } } } } }"
    found = at.runs.emulator.run(document, e=at.environment.id)["environment"]["serviceInstances"]["edges"]
    return [edge["node"]["serviceId"] for edge in found]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("${{mysql.URL}}", "but no service of this environment is named mysql"),
        ("${{Postgres.DATABASE_URL}}", "is named Postgres (names are case-sensitive: postgres?)"),
        ("${{postgres .PASSWORD}}", "is named postgres"),
        ("${{postgres.DATABASE}}", "but service postgres has no variable DATABASE (DATABASE_URL?)"),
        ("${{postgres.RAILWAY_PUBLIC_DOMAIN}}", "(Railway provides it only with a domain)"),
        ("${{postgres.RAILWAY_TCP_PROXY_PORT}}", "(Railway provides it only with a TCP proxy)"),
        ("${{postgres.RAILWAY_VOLUME_MOUNT_PATH}}", "(Railway provides it only with a volume)"),
        ("${{postgres.PORT}}", "(Railway provides it only with a variable PORT of the service's own)"),
        ("${{shared.KEY}}", "but this environment has no shared variable KEY"),
        ("${{X}}", "which is the variable itself"),
        ("${{web.X}}", "which is the variable itself"),
        ("${{Y}}", "which leads back to web.X"),
        ("${{EMPTY}}", "which is empty"),
        ("${{NOWHERE}}", "but service web has no variable NOWHERE"),
        ("a ${{PASSWORD}} b", "but service web has no variable PASSWORD"),
        ("${{elsewhere.A}}", "but service elsewhere has no instance in this environment"),
        ("${{a.b.C}}", 'write ${{"a.b".C}}'),
        ("${{ }}", "that Railway does not read as a reference"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused_in_preview(at: Place, value: str, why: str) -> None:
    _, web = with_database(at)
    base = at.project.outputs["baseEnvironmentId"]
    at.runs.create(ServiceProvider, {**at.ids, "environmentId": base, "name": "elsewhere"})
    at.runs.emulator.forget_calls()
    variables = {**web.inputs["variables"], "X": value, "EMPTY": "", "Y": "${{X}}"}
    found = refusals(at, {**web.inputs, "variables": variables}, web.inputs)
    assert any(line.startswith("variables.X: web: X ") and why in line for line in found), found
    assert all("\n" not in line and "s3cret" not in line for line in found)
    assert at.runs.mutations() == []


@pytest.mark.parametrize(
    "value",
    [
        "${{postgres.RAILWAY_PRIVATE_DOMAIN}}",
        "${{postgres.RAILWAY_SERVICE_ID}}:${{RAILWAY_SERVICE_NAME}}",
        "${{RAILWAY_ENVIRONMENT_NAME}}/${{RAILWAY_ENVIRONMENT_ID}}/${{RAILWAY_PROJECT_ID}}/${{RAILWAY_PROJECT_NAME}}",
        "https://${{RAILWAY_PUBLIC_DOMAIN}}/${{shared.KEY}}",
        "${{web.RAILWAY_PUBLIC_DOMAIN}}",
        "${{SEALED}}-${{postgres.PASSWORD}}",
        '${{"postgres".PASSWORD}}',
        "$${{ postgres.PASSWORD }}}}",
    ],
)
def test_what_leads_somewhere_is_deployed_and_is_no_drift_afterwards(at: Place, value: str) -> None:
    runs = at.runs
    _, web = with_database(at)
    runs.create(SharedVariablesProvider, {**at.ids, "variables": {"KEY": "k"}})
    runs.create(ServiceDomainProvider, {**at.at})
    variables = {**web.inputs["variables"], "X": value, "SEALED": "opaque"}
    done = runs.update(web, {**web.inputs, "variables": variables, "sealedVariables": ["SEALED"]})
    assert running(at, done)["X"] != ""
    assert "${{" not in running(at, done)["X"]
    assert "notRunning" not in refreshed(at, done).inputs


def test_a_reference_of_others_in_our_service_is_named_and_left_to_them(at: Place) -> None:
    _, web = with_database(at)
    theirs = {"variables": {"THEIRS": {"value": "${{gone.URL}}"}}}
    patch(at, {"services": {at.service.id: theirs}})
    read = refreshed(at, web)
    at.runs.said.clear()
    done = at.runs.update(read, {**web.inputs, "image": OTHER_IMAGE})
    assert "THEIRS" in running(at, done)
    [line] = [line for line in at.runs.said if "THEIRS" in line]
    assert line.startswith("web: THEIRS refers to ${{gone.URL}}, but no service of this environment is named gone")
