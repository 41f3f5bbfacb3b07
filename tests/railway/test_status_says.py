"""`make status` over the table of states: what it says of each is the truth, and agrees with the emulator's store."""

from __future__ import annotations

import contextlib
import json
import os
import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from ops.status import compare, railway_now, reading, recorded, services, source
from ops.status.finding import Finding, FindingKind, Severity
from ops.status.railway_now import RailwayNow
from ops.status.report import Part, Report, Told
from ops.status.rows import Tone, rows
from ops.status.services import ServiceNow
from ops.status.terminal import lines
from railway_api.client import Client
from tests.emulator.fix_emulator import EmulatorError
from tests.railway import scene_changes
from tests.railway.fix_resources import QUICK, KeepingTokens
from tests.railway.scene import Scene
from tests.railway.small_stack import SmallStack, environment_as_wanted, scene_of
from tests.railway.states import STATES, Says, State

SAYS = {
    None: Says.FINE,
    Severity.INFORMATION: Says.INFORMATION,
    Severity.DRIFT: Says.DRIFT,
    Severity.DEAD: Says.DEAD,
}
ALIVE = ("SUCCESS", "SLEEPING")


def state_of(stack: SmallStack) -> dict[str, Any]:
    """Return the state as `pulumi stack export --show-secrets` has it."""
    rows = []
    for name, made in stack.state.items():
        kind = made.provider.__name__.removesuffix("Provider")
        type_ = f"pulumi-python:dynamic/railway:{kind}"
        rows.append({"type": type_, "urn": f"urn:pulumi:s::p::{type_}::{name}", "id": made.id, "outputs": made.outputs})
    return {"deployment": {"manifest": {"time": "2026-01-01T00:00:00Z"}, "resources": rows}}


def look(stack: SmallStack) -> tuple[RailwayNow, list[ServiceNow], list[Finding]]:
    """Read and compare, as `make status` does."""
    emulator = stack.runs.emulator
    left = recorded.parsed(state_of(stack))
    now = railway_now.read(Client(emulator.endpoint, emulator.token, timing=QUICK), left)
    return now, list(services.services(left, now)), compare.compare(left, now, source.now())


def report_of(shown: list[ServiceNow], findings: list[Finding]) -> Report:
    asked = source.Asked(source.Whom.RAILWAY, source.now())
    return Report("s", {Part.SERVICES: Told(shown, asked), Part.DRIFT: Told(findings, asked)})


def alive(scene: Scene, service_id: str) -> list[str]:
    """Return the ids of the deployments that serve, straight from the emulator's store."""
    truth = scene.truth()
    if service_id not in (truth["config"].get("services") or {}):
        return []
    rows = [row for row in truth["deployment"] if row["serviceId"] == service_id]
    return [row["id"] for row in rows if row["status"] in ALIVE and not row.get("stopped")]


@pytest.mark.parametrize("state", [pytest.param(state, id=state.name) for state in STATES])
def test_status_says_the_truth_of_every_state(stack: SmallStack, state: State) -> None:
    state.make(scene_of(stack))
    stack.runs.emulator.forget_calls()
    _, shown, findings = look(stack)
    calls = stack.runs.emulator.calls()
    worst = max((one.severity for one in findings), default=None)
    assert SAYS[worst] is state.says, findings
    assert report_of(shown, findings).is_fine is (state.says in (Says.FINE, Says.INFORMATION))
    assert {call["type"] for call in calls} == {"query"}
    # To prove that an environment is gone takes another witness.
    assert len(calls) <= (3 if state.make is scene_changes.environment_gone else 2)


@pytest.mark.parametrize("state", [pytest.param(state, id=state.name) for state in STATES])
def test_no_service_is_said_to_run_that_does_not_by_the_emulators_store(stack: SmallStack, state: State) -> None:
    scene = scene_of(stack)
    ids = {name: stack.state[name].id for name in ("web", "db")}
    state.make(scene)
    _, shown, findings = look(stack)
    page = {row.label: row for row in rows(report_of(shown, findings)) if row.label in ids}
    dead = {one.subject for one in findings if one.severity is Severity.DEAD}
    for service in shown:
        there = alive(scene, ids[service.name])
        row = page[service.name]
        if there:
            assert service.serving is not None
            assert service.serving.id in there
            assert service.document()["deploymentId"] in there
        else:
            assert service.serving is None
            assert row.tone is Tone.RED
            assert row.text.startswith("GONE") or "nothing runs" in row.text
            assert service.url == ""
            assert service.name in dead or findings[0].kind is FindingKind.ENVIRONMENT_GONE
    text = "\n".join(lines(rows(report_of(shown, findings))))
    # Values of others are "theirs", "before" and "1"; a mount path is a place, and is shown.
    assert "theirs" not in text.replace("/theirs", "")
    assert "before" not in text


def test_the_volume_that_is_being_deleted_is_the_first_thing_said_with_the_time_left(stack: SmallStack) -> None:
    scene_changes.volume_pending(scene_of(stack))
    _, _, (first, *_) = look(stack)
    assert (first.subject, first.kind) == ("web", FindingKind.VOLUME_PENDING)
    assert "47 more hours" in first.text()
    assert "restored" in first.text()


def test_names_that_others_gave_are_part_of_drift_and_named(stack: SmallStack) -> None:
    scene = scene_of(stack)
    scene_changes.renamed(scene)
    scene_changes.environment_renamed(scene)
    document = "mutation r($id: String!, $i: ProjectUpdateInput!) { projectUpdate(id: $id, input: $i) { id } }"
    name = f"theirs-{uuid.uuid4().hex[:8]}"
    scene.run(document, id=scene.project_id, i={"name": name})
    _, _, findings = look(stack)
    renamed = {one.subject: one.names for one in findings if one.kind is FindingKind.RENAMED}
    project = stack.state["project"].outputs["name"]
    assert renamed == {
        "web": ("renamed-by-them",),
        "environment local": ("renamed-by-them",),
        f"project {project}": (name,),
    }


def test_what_runs_with_cannot_be_read_is_not_called_the_same(stack: SmallStack) -> None:
    _, _, findings = look(stack)
    assert findings == []
    stack.runs.emulator.fault("not_authorized", operation="deploymentSnapshot", times=1)
    _, _, findings = look(stack)
    assert {(one.subject, one.kind) for one in findings} == {
        ("web", FindingKind.NOT_COMPARED),
        ("db", FindingKind.NOT_COMPARED),
    }


def found_by(stack: SmallStack, do: Callable[[Scene], Any]) -> set[tuple[str, FindingKind, tuple[str, ...]]]:
    """Return what status says after others did something."""
    do(scene_of(stack))
    return {(one.subject, one.kind, one.names) for one in look(stack)[2]}


def test_a_value_of_ours_that_others_sealed_is_no_longer_known_to_be_ours(stack: SmallStack) -> None:
    sealed = {"variables": {"A": {"value": "1", "isSealed": True}}}
    found = found_by(stack, lambda scene: scene.patch(sealed, stored_only=True))
    assert ("web", FindingKind.CHANGED, ("A",)) in found


def test_a_reference_that_leads_nowhere_names_both_ends(stack: SmallStack) -> None:
    found = found_by(stack, scene_changes.beside_renamed)
    (text,) = [names[0] for _, kind, names in found if kind is FindingKind.DEAD_REFERENCE]
    assert "${{db.V}}" in text
    assert "R refers to" in text


def test_a_proxy_that_others_made_anew_has_another_address(stack: SmallStack) -> None:
    def anew(scene: Scene) -> None:
        scene_changes.proxy_gone(scene)
        scene.patch({"networking": {"tcpProxies": {"5432": {}}}})

    port = stack.state["proxy"].outputs["proxyPort"]
    stack.state["proxy"].outputs["proxyPort"] = port + 1
    assert found_by(stack, scene_changes.nothing) == {
        ("web", FindingKind.CHANGED, ("address of its TCP proxy for port 5432",))
    }
    stack.state["proxy"].outputs["proxyPort"] = port
    assert ("web", FindingKind.PROXY_GONE, ("5432",)) not in found_by(stack, anew)


def test_a_domain_that_others_made_in_the_place_of_ours_is_not_ours(stack: SmallStack) -> None:
    domain = stack.state["domain"].outputs["domain"]
    document = "mutation c($i: ServiceDomainCreateInput!) { serviceDomainCreate(input: $i) { id } }"

    def anew(scene: Scene) -> None:
        scene_changes.domain_gone(scene)
        scene.run(document, i={"environmentId": scene.environment_id, "serviceId": scene.service_id})

    assert ("web", FindingKind.DOMAIN_GONE, (domain,)) in found_by(stack, anew)


def test_volumes_of_others_are_information_also_while_they_are_being_deleted(stack: SmallStack) -> None:
    def theirs(scene: Scene) -> None:
        scene_changes.stranger_volume(scene)
        ours = {made.id for made in stack.state.values()}
        row = next(row for row in scene.truth()["volume_instance"] if row["volumeId"] not in ours)
        scene.run("mutation d($id: String!) { volumeDelete(volumeId: $id) }", id=row["volumeId"])

    ((_, kind, _),) = found_by(stack, theirs)
    assert kind is FindingKind.STRANGER_PENDING


def test_where_others_put_our_volume_is_said(stack: SmallStack) -> None:
    assert ("web", FindingKind.VOLUME_MOVED, ("/theirs of web",)) in found_by(stack, scene_changes.volume_moved)
    assert ("web", FindingKind.VOLUME_MOVED, ("mounted nowhere",)) in found_by(stack, scene_changes.volume_detached)


def test_agents_of_the_pool_manager_are_no_strangers(stack: SmallStack) -> None:
    stack.state["environment"].outputs["disposablePrefix"] = "my-"
    assert found_by(stack, scene_changes.stranger_service) == set()
    stack.state["environment"].outputs["disposablePrefix"] = "convos-agent-"
    assert {kind for _, kind, _ in found_by(stack, scene_changes.nothing)} == {FindingKind.STRANGER_SERVICE}


def test_a_service_that_is_gone_from_the_state_as_well_is_told_where_its_configuration_is_left(
    stack: SmallStack,
) -> None:
    del stack.state["web"]
    assert ("web", FindingKind.SERVICE_GONE, ()) in found_by(stack, scene_changes.service_gone)


def test_a_project_token_that_railway_does_not_list_is_gone() -> None:
    type_ = "pulumi-python:dynamic/railway:ProjectToken"
    row = {"type": type_, "urn": f"urn:pulumi:s::p::{type_}::pool", "id": "t-1", "outputs": {"name": "pool"}}
    left = recorded.parsed({"deployment": {"resources": [row]}})
    assert compare.missing_tokens(left, [{"id": "t-1"}]) == []
    assert compare.missing_tokens(left, [{"id": "t-2"}]) == [Finding("pool", FindingKind.TOKEN_GONE)]


def test_a_list_of_tokens_that_cannot_be_read_is_not_called_complete(stack: SmallStack) -> None:
    type_ = "pulumi-python:dynamic/railway:ProjectToken"
    row = {"type": type_, "urn": f"urn:pulumi:s::p::{type_}::web", "id": "t-1", "outputs": {"name": "web"}}
    state = state_of(stack)
    state["deployment"]["resources"].append(row)
    left, emulator = recorded.parsed(state), stack.runs.emulator
    client = Client(emulator.endpoint, emulator.token, timing=QUICK)
    now = railway_now.read(client, left)
    emulator.forget_calls()
    assert reading.tokens(left, now, client) == [Finding("web", FindingKind.TOKEN_GONE)]
    assert emulator.calls() == [], "the read of the environment has them"
    client = KeepingTokens(emulator.endpoint, emulator.token, timing=QUICK)
    now = railway_now.read(client, left)
    assert now.snapshot is not None, "whoever is not shown the tokens is shown the environment"
    assert [one.kind for one in reading.tokens(left, now, client)] == [FindingKind.NOT_COMPARED]
    # A stack without one does not ask.
    emulator.forget_calls()
    assert reading.tokens(recorded.parsed(state_of(stack)), now, client) == []
    assert emulator.calls() == []


def wanted(scene: Scene) -> dict[str, Any]:
    """Return the environment as a stack wants it: without what is of others, and each image that runs once."""
    found = environment_as_wanted(scene)
    for service in (row for name, row in found.items() if name not in ("name", "shared")):
        service["variables"].pop("THEIRS", None)
        service["runs"] = sorted({str(image) for image in service["runs"]})
    return found


def test_proxies_that_cannot_be_read_are_not_called_gone(stack: SmallStack) -> None:
    for operation in ("deploymentSnapshot", "tcpProxies"):
        stack.runs.emulator.fault("not_authorized", operation=operation)
    _, _, findings = look(stack)
    assert {one.kind for one in findings} == {FindingKind.NOT_COMPARED}
    assert ("web", ("its TCP proxy for port 5432",)) in {(one.subject, one.names) for one in findings}


SINGLE = [state for state in STATES if state.make is not scene_changes.nothing]


@pytest.mark.parametrize("seed", range(int(os.environ.get("STATUS_PROGRAMS", "12"))))
def test_whatever_others_do_status_is_fine_only_where_the_store_is_as_it_was(stack: SmallStack, seed: int) -> None:
    scene, dice = scene_of(stack), random.Random(seed)
    ids = {stack.state[name].id: name for name in ("web", "db")}
    before = wanted(scene)
    for state in dice.sample(SINGLE, dice.randint(1, 4)):
        # After another state there may be nothing left to make this one of.
        with contextlib.suppress(EmulatorError, AssertionError, LookupError, StopIteration):
            state.make(scene)
    truth = scene.truth()
    _, shown, findings = look(stack)
    worst = max((one.severity for one in findings), default=Severity.INFORMATION)
    if not all(alive(scene, id_) for id_ in ids):
        assert worst is Severity.DEAD
    after = wanted(scene) if truth["config"] else {}
    if {name: after.get(name) for name in before} != before:
        assert worst > Severity.INFORMATION, json.dumps([before, after], indent=1)
        assert not report_of(shown, findings).is_fine
