"""Faults planted in the program: what a colleague does then is found by the judge, and without the fault nothing is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from convos_infra.provider import Provider
from convos_infra.railway import change, destroy_reasons, details, removal, service_use, session
from convos_infra.railway.change import Change
from convos_infra.railway.resources import environment, service_domain, service_instance
from convos_infra.railway.resources.project import BASE_ENVIRONMENT
from tests.colleague import run as running
from tests.colleague.acts import ACTS
from tests.colleague.inside import Inside
from tests.colleague.judge import Rule
from tests.colleague.look import Arguments, Look, document
from tests.colleague.run import Run
from tests.colleague.start import Start
from tests.colleague.steps import Do, Step, When
from tests.colleague.test_colleague import carried_out
from tests.colleague.wanted import APP, DB, ENVIRONMENT
from tests.railway.fix_resources import OTHER_IMAGE

Patch = pytest.MonkeyPatch
REFRESH, UP, DESTROY = Step(Do.REFRESH), Step(Do.UP), Step(Do.DESTROY)
KILL = Step(Do.KILL, at=0)


@pytest.fixture
def colleague(monkeypatch: Patch) -> Callable[..., Step]:
    """Return what makes a step of an act whose arguments are not left to chance."""
    monkeypatch.setattr(running, "document", lambda name, given: document(name.partition("#")[0], given))

    def act(mutation: str, given: Callable[[Look], Arguments], when: When = When.NOW) -> Step:
        name = f"{mutation}#{len(ACTS)}"
        monkeypatch.setitem(ACTS, name, given)
        return Step(Do.ACT, what=name, when=when)

    return act


def here(look: Look, name: str) -> Arguments:
    [service] = look.store.all("service", lambda row: row["name"] == name and not row.get("deletedAt"))
    return {"environmentId": named(look, ENVIRONMENT)["id"], "serviceId": service["id"]}


def named(look: Look, name: str) -> Any:
    [row] = look.store.all("environment", lambda row: row["name"] == name and not row.get("deletedAt"))
    return row


def newest(look: Look, name: str) -> Arguments:
    place = here(look, name)
    return {"id": look.store.all("deployment", lambda row: place.items() <= row.items())[-1]["id"]}


def fork(look: Look) -> Arguments:
    base = named(look, BASE_ENVIRONMENT)
    given = {"projectId": base["projectId"], "name": ENVIRONMENT, "sourceEnvironmentId": base["id"]}
    return {"input": {**given, "skipInitialDeploys": True}}


def variable(look: Look, name: str, key: str, value: str) -> Arguments:
    place = {"projectId": named(look, ENVIRONMENT)["projectId"], **here(look, name)}
    return {"input": {**place, "name": key, "value": value}}


def own_environment(look: Look) -> Arguments:
    return {"id": named(look, ENVIRONMENT)["id"]}


def own_domain(look: Look) -> Arguments:
    return {"id": look.store.all("domain")[0]["id"]}


Colleague = Callable[..., Step]


def mended_and_broken_again(act: Colleague) -> list[Step]:
    """The preview finds what runs in order; the colleague removes it before the update."""
    removed, mended = (
        act("deploymentRemove", lambda look: newest(look, APP)),
        act("serviceInstanceDeployV2", lambda look: here(look, APP)),
    )
    return [removed, REFRESH, mended, act("deploymentRemove", lambda look: newest(look, APP), When.BETWEEN), UP]


def another_domain(act: Colleague, when: When = When.NOW) -> list[Step]:
    """A domain of the colleague's stands in the place of ours, with another port."""
    made = act("serviceDomainCreate", lambda look: {"input": {**here(look, APP), "targetPort": 9999}}, when)
    deleted = act("serviceDomainDelete", own_domain)
    return [deleted, REFRESH, made, UP] if when is When.BETWEEN else [deleted, made, REFRESH, UP]


def another_domain_since(act: Colleague) -> list[Step]:
    """The same, made after the preview."""
    return another_domain(act, When.BETWEEN)


def another_environment(act: Colleague) -> list[Step]:
    """An empty environment of the colleague's stands in the place of ours, and is destroyed with the stack."""
    return [act("environmentDelete", own_environment), act("environmentCreate", fork), REFRESH, UP, DESTROY]


def an_environment_with_variables(act: Colleague) -> list[Step]:
    """The same, but there are shared variables in it."""
    given = {"sharedVariables": {"THEIRS": {"value": "1"}}}
    filled = act("environmentPatchCommit", lambda look: {"environmentId": own_environment(look)["id"], "patch": given})
    return [act("environmentDelete", own_environment), act("environmentCreate", fork), filled, REFRESH, UP, DESTROY]


def a_service_filled_after_a_kill(act: Colleague) -> list[Step]:
    """An update is killed right after it made a service; the colleague gives it an image of their own."""
    source = {"source": {"image": OTHER_IMAGE}}
    filled = act("serviceInstanceUpdate", lambda look: {**here(look, APP), "input": source})
    return [act("serviceDelete", lambda look: _deleted(look)), REFRESH, KILL, UP, filled, REFRESH, UP, DESTROY]


def _deleted(look: Look) -> Arguments:
    place = here(look, APP)
    return {"id": place["serviceId"], "environmentId": place["environmentId"]}


def another_password(act: Colleague) -> list[Step]:
    """Both services run with the colleague's password when a refresh sees it, and the update takes it back."""
    changed = act("variableUpsert", lambda look: variable(look, DB, "PASSWORD", "theirs"))
    return [changed, act("serviceInstanceDeployV2", lambda look: here(look, APP))]


def deployed_under_another_name(act: Colleague) -> list[Step]:
    """The database runs with the private domain that it had for as long as it was called otherwise."""

    def rename(name: str, now: str) -> Step:
        return act("serviceUpdate", lambda look: {"id": here(look, name)["serviceId"], "input": {"name": now}})

    return [
        rename(DB, "theirs"),
        act("serviceInstanceDeployV2", lambda look: here(look, "theirs")),
        rename("theirs", DB),
    ]


def a_volume_that_its_owner_deleted(act: Colleague) -> list[Step]:
    """A volume of the colleague's in a service of ours has data, and is deleted; Railway can still restore it."""
    path = "/theirs"

    def place(look: Look) -> Arguments:
        project = named(look, ENVIRONMENT)["projectId"]
        return {"input": {"projectId": project, **here(look, APP), "mountPath": path}}

    def theirs(look: Look) -> Arguments:
        [row] = look.store.all("volume_instance", lambda row: row["mountPath"] == path)
        return {"volumeId": row["volumeId"]}

    filled = act("serviceInstanceDeployV2", lambda look: here(look, APP))
    return [act("volumeCreate", place), filled, act("volumeDelete", theirs), REFRESH, UP, DESTROY]


def removed_by_a_colleague(act: Colleague) -> list[Step]:
    """A colleague removes a service from the environment; the stack is destroyed without having made it again."""
    return [*_in_a_project_that_stays(act), act("serviceDelete", _deleted), REFRESH, DESTROY]


def destroyed_in_a_project_that_stays(act: Colleague) -> list[Step]:
    """The colleague's environment keeps the project, in which the stack is destroyed."""
    return [*_in_a_project_that_stays(act), DESTROY]


def _in_a_project_that_stays(act: Colleague) -> list[Step]:
    return [act("environmentCreate", lambda look: {"input": {**fork(look)["input"], "name": "theirs"}})]


def says_no_bound(patched: Patch) -> None:
    patched.setattr(Change, "is_uncertain", False)


def says_no_adoption(patched: Patch) -> None:
    patched.setattr(service_domain, "with_adoption", lambda _olds, news, *_: news)


def says_no_take_over(patched: Patch) -> None:
    patched.setattr(session.RailwayProvider, "create", Provider.create)


def says_nothing_is_kept(patched: Patch) -> None:
    said = session.RailwayProvider.leaves

    def quiet(provider: Any, props: Any, subject: str, **given: Any) -> bool:
        client = provider.session().client
        before, client.progress = client.progress, lambda _: None
        try:
            return said(provider, props, subject, **given)
        finally:
            client.progress = before

    patched.setattr(session.RailwayProvider, "leaves", quiet)


def owns_whatever_it_finds(patched: Patch) -> None:
    patched.setattr(environment, "_is_fresh", lambda *_: True)


def follows_no_reference(patched: Patch) -> None:
    patched.setattr(service_instance, "rerendered", lambda *_: [])


def reads_no_private_domain(patched: Patch) -> None:
    patched.setattr(details, "addressed", lambda _: [])


def asks_about_no_deleted_volume(patched: Patch) -> None:
    patched.setattr(destroy_reasons, "restorable_in", lambda *_, **__: [])


def leaves_services_in_the_project(patched: Patch) -> None:
    for room in (removal, service_use):
        patched.setattr(room, "delete_unused", lambda *_: None)


def forgets_what_a_refresh_loses(patched: Patch) -> None:
    patched.setattr(service_use, "delete_lost", lambda *_: None)


Cases = Sequence[tuple[Callable[[Colleague], list[Step]], Callable[[Patch], None], Rule]]
CASES: Cases = (
    (mended_and_broken_again, says_no_bound, Rule.DEPLOYMENTS),
    (another_domain, says_no_adoption, Rule.STRANGER),
    (another_domain, says_no_take_over, Rule.STRANGER),
    (another_domain_since, says_no_take_over, Rule.STRANGER),
    (another_environment, says_no_take_over, Rule.ADOPTED),
    (an_environment_with_variables, owns_whatever_it_finds, Rule.ADOPTED),
    (a_service_filled_after_a_kill, says_nothing_is_kept, Rule.ORPHAN),
    (another_password, follows_no_reference, Rule.CONFIG),
    (deployed_under_another_name, reads_no_private_domain, Rule.STATUS),
    (destroyed_in_a_project_that_stays, leaves_services_in_the_project, Rule.ORPHAN),
    (removed_by_a_colleague, forgets_what_a_refresh_loses, Rule.ORPHAN),
    (a_volume_that_its_owner_deleted, asks_about_no_deleted_volume, Rule.STRANGER),
)


@pytest.mark.parametrize(("steps", "plant", "rule"), CASES, ids=lambda given: getattr(given, "__name__", ""))
def test_a_planted_fault_is_found_and_without_it_nothing_is_wrong(
    emulator: Inside,
    start: Start,
    colleague: Colleague,
    monkeypatch: Patch,
    steps: Callable[[Colleague], list[Step]],
    plant: Callable[[Patch], None],
    rule: Rule,
) -> None:
    program = steps(colleague)
    right = carried_out(emulator, start, program)
    assert right.wrong == [], right.told
    assert not any("REFUSED" in line for line in right.told), right.told
    with monkeypatch.context() as patched:
        plant(patched)
        wrong = carried_out(emulator, start, program)
    assert [violation.rule for violation in wrong.wrong[:1]] == [rule], _told(wrong)


def _told(run: Run) -> str:
    return "\n".join([*map(str, run.wrong), *run.told, *run.engine.said])


def test_the_preview_says_what_a_mended_service_can_still_cost(
    emulator: Inside, start: Start, colleague: Colleague
) -> None:
    run = carried_out(emulator, start, mended_and_broken_again(colleague))
    assert any("announces {'app': 0}, at most {'app': 1}" in line for line in run.told)
    assert change.AT_MOST == "atMost"
