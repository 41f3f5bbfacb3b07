"""Ten services at once in one process: they share patches, and each keeps its own deployment, refusal and read back.

A fault at each call in turn, then a run without faults, as the next one would be. GROUP_FAULTS=all tries all faults
that the emulator knows, in both kinds of environment.
"""

from __future__ import annotations

import contextlib
import copy
import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from convos_infra.errors import InfraError
from convos_infra.railway.bring import Bringing, bring_all
from convos_infra.railway.reference_check import ReferenceWait
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.snapshot import Snapshot
from emulator.faults import KINDS
from railway_api.failure import Failure
from tests.colleague.inside import Documents, Inside, emulator_inside
from tests.railway.fix_resources import OTHER_IMAGE, Props
from tests.railway.ten_services import BAD, COUNT, NAMES, Runs, at_once, configured, ten_services

FEW = ("lost_answer", "drop_before", "opaque", "not_authorized")
UNCLEAR = ("lost_answer", "drop_before")
"""The faults after which each call is made again, so that nothing stays because a read was refused."""
EVERY = os.environ.get("GROUP_FAULTS") == "all"
MOST_PATCHES = COUNT // 2
"""How many removals share a patch depends on the threads, and those on what else the machine does."""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with emulator_inside(tmp_path_factory.mktemp("group")) as emulator:
        yield emulator


@pytest.fixture(scope="module", params=["fork", "no fork"])
def start(emulator: Inside, request: pytest.FixtureRequest) -> tuple[Documents, Props, dict[str, str]]:
    """An environment with ten empty services."""
    runs = ten_services(emulator, in_a_fork=request.param == "fork")
    return emulator.documents(), runs.ids, runs.services


@pytest.fixture
def runs(emulator: Inside, start: tuple[Documents, Props, dict[str, str]]) -> Runs:
    documents, ids, services = start
    emulator.restore(documents)
    return Runs(emulator, ids, services)


def patches(runs: Runs) -> int:
    """Return how many patches the last run took."""
    return sum(count for name, count in runs.calls.items() if name.startswith("environmentPatch"))


def left_in_project(runs: Runs) -> list[str]:
    rows = [(name, runs.emulator.store.get("service", id_)) for name, id_ in runs.services.items()]
    return [name for name, row in rows if row and not row.get("deletedAt")]


def test_ten_services_share_patches_and_each_is_deployed_once(runs: Runs) -> None:
    runs.is_slow = True
    assert runs.up(NAMES) == {}
    assert runs.deployments() == dict.fromkeys(NAMES, 1)
    assert patches(runs) == 1, "all ten were checked, so the first one waits for the others"
    assert runs.up(NAMES, image=OTHER_IMAGE) == {}
    assert runs.deployments() == dict.fromkeys(NAMES, 2)
    assert patches(runs) == 1
    assert runs.up(NAMES, image=OTHER_IMAGE) == {}
    assert runs.calls == {}
    assert runs.down() == {}
    assert runs.living() == set()
    assert patches(runs) <= MOST_PATCHES
    assert left_in_project(runs) == []
    assert runs.calls["serviceUse"] <= MOST_PATCHES


@pytest.mark.parametrize("bad", [["s0"], ["s9"], ["s3", "s4"], ["s1", "s8"], NAMES[:9]], ids=len)
def test_what_railway_refuses_of_one_service_does_not_take_the_others_along(runs: Runs, bad: list[str]) -> None:
    assert runs.up(NAMES) == {}
    session, begun = runs.session(), dict[str, Callable[[], Any]]()
    for name in NAMES:
        begun[name] = runs.begun(session, name, {**runs.inputs(name), "image": OTHER_IMAGE})
    for name in bad:
        old = runs.state[name]
        news = {**old.inputs, "variables": {**old.inputs["variables"], **BAD}, "deploys": "x (change 9)"}
        news["change"] = {"number": 9, "deployments": 1, "because": ["x"]}
        provider = configured(ServiceInstanceProvider, session)
        begun[name] = lambda provider=provider, old=old, news=news: provider.updated(old.id, old.outputs, news)
    wrong = at_once(begun)
    assert set(wrong) == set(bad)
    assert all(str(error).startswith(f"{name}: Railway says ") for name, error in wrong.items())
    assert runs.deployments() == {name: 1 if name in bad else 2 for name in NAMES}


def test_what_somebody_changed_of_one_service_stops_that_one_alone(runs: Runs) -> None:
    assert runs.up(NAMES) == {}
    patch = {"services": {runs.services["s5"]: {"variables": {"NAME": {"value": "theirs"}}}}}
    document = "mutation p($e: String!, $p: EnvironmentConfig) { environmentPatchCommit(environmentId: $e, patch: $p) }"
    session, begun = runs.session(), dict[str, Callable[[], Any]]()
    for name in NAMES:
        begun[name] = runs.begun(session, name, {**runs.inputs(name), "variables": {"NAME": f"{name}!"}})
    assert "errors" not in runs.emulator.send(document, {"e": runs.ids["environmentId"], "p": patch})
    wrong = at_once(begun)
    assert list(wrong) == ["s5"]
    assert isinstance(wrong["s5"], InfraError)
    assert "NAME changed outside this stack" in str(wrong["s5"])
    assert runs.deployments() == dict.fromkeys(NAMES, 2), "theirs made one of s5"


def test_the_next_turn_sees_what_a_service_has_stored_that_still_waits(runs: Runs) -> None:
    session, members = runs.session(), dict[str, Bringing]()
    for name in ("s0", "s1"):
        configured(ServiceProvider, session).checked({}, {**runs.ids, "name": name})
    for name, other in (("s0", "s1"), ("s1", "s0")):
        news = {**runs.inputs(name), "variables": {"NAME": name, "OTHER": f"${{{{{other}.NAME}}}}"}}
        inputs, failures = configured(ServiceInstanceProvider, session).checked({}, news)
        assert failures == []
        members[name] = Bringing({}, inputs, ReferenceWait(session))
    for name in ("s0", "s1"):
        bring_all(session, [members[name]])
        assert isinstance(members[name].outcome, list), "it waits for the other, and the second one gives first"
    for name in ("s0", "s1"):
        bring_all(session, [members[name]])
        assert isinstance(members[name].outcome, Snapshot)
    assert runs.deployments() == {"s0": 1, "s1": 1}


@pytest.mark.parametrize("start", ["fork"], indirect=True)
@pytest.mark.parametrize("how", ["several in one document are no valid request", "the second of them is not found"])
def test_where_railway_refuses_several_deletions_in_one_document_each_goes_all_the_same(
    runs: Runs, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.is_slow = True
    assert runs.up(NAMES) == {}
    answer, refused = runs.emulator.endpoint.answer, list[int]()

    def refusing(headers: dict[str, str], body: Any) -> Any:
        given = dict(body.get("variables") or {})
        if body.get("operationName") == "serviceDeletions" and "s1" in given:
            refused.append(len(given) - 1)
            is_invalid = how.startswith("several")
            nobody = {**given, "s1": str(uuid.UUID(int=1))}
            body = {**body, "query": "mutation { several }"} if is_invalid else {**body, "variables": nobody}
        return answer(headers, body)

    monkeypatch.setattr(runs.emulator.endpoint, "answer", refusing)
    assert runs.down() == {}
    assert runs.living() == set()
    assert refused, "nothing was sent together"
    assert runs.deployments() == dict.fromkeys(NAMES, 1)


@pytest.mark.parametrize("start", ["fork", "no fork"] if EVERY else ["fork"], indirect=True)
@pytest.mark.parametrize("kind", KINDS if EVERY else FEW)
def test_a_fault_at_any_call_leaves_nothing_doubled_and_the_next_run_brings_the_rest(runs: Runs, kind: str) -> None:
    before, tried = runs.emulator.documents(), 0
    for operation, wanted in (("create", 1), ("update", 2), ("remove", 2)):
        for position in range(20):
            runs.emulator.restore(before)
            state = copy.copy(runs.state)
            runs.emulator.plant(kind, after=position, times=1)
            act = {
                "create": lambda: runs.up(NAMES),
                "update": lambda: runs.up(NAMES, image=OTHER_IMAGE),
                "remove": runs.down,
            }[operation]
            with contextlib.suppress(Failure):
                act()
            hit = not runs.emulator.endpoint._faults._planted
            runs.emulator.heal()
            assert act() == {}
            assert runs.deployments() == dict.fromkeys(NAMES, wanted), (operation, position)
            assert runs.living() == (set() if operation == "remove" else set(NAMES))
            if operation == "remove" and kind in UNCLEAR:
                assert left_in_project(runs) == [], position
            tried += hit
            if not hit:
                break
            runs.state = state
        else:
            pytest.fail("more than twenty calls for ten services")
        before = runs.emulator.documents()
    assert tried > 5
