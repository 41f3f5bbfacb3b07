"""Environments that lived before anybody adopted them: adopt, up, refresh, one change, destroy, in this process."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator

import pytest

from convos_infra.railway import takeover
from ops.adopt.command import read
from ops.adopt.config import AdoptionInputs, Described, drafted
from ops.adopt.fit import Fitting, fitted
from ops.adopt.live import Live, Roles, roles
from ops.adopt.report import AdoptionReport, adoption_report
from stack.settings import Settings
from tests.adopt.build import Built, built, inside
from tests.adopt.fixtures import FIXTURES, POOL
from tests.adopt.in_process import STACK, Stack, digest_of
from tests.adopt.servers import MARK, Fixture
from tests.colleague.inside import Documents, Inside

ENVIRON = {"RAILWAY_API_TOKEN": "given"}
HISTORY = ("patch", "workflow", "event", "mutation_throttle")


def live(emulator: Inside, made: Built) -> Live:
    """Read an environment as `make adopt` does."""
    return read(emulator.session(lambda _: None).client, made.project_id, made.environment_id)


def adopted(
    emulator: Inside,
    made: Built,
    fixture: Fixture,
    chosen: tuple[str, ...] = (),
    given: AdoptionInputs | None = None,
    databases: list[str] | None = None,
) -> tuple[Described, Settings, AdoptionReport]:
    """Adopt an environment."""
    found = live(emulator, made)
    names = fixture.roles
    named = Roles(names.get("POOL_MANAGER", ""), names.get("CANARY", ""), names.get("DATABASE", ""))
    which = roles(found, named, databases)
    how = Fitting(STACK, found, which, digest_of, ENVIRON, chosen)
    draft = drafted(STACK, found, which, given or AdoptionInputs(fixture.api_key), digest_of)
    described = fitted(draft, how)
    read = how.read(described)
    return described, read, adoption_report(read, found, described, digest_of)


class Counted:
    """Counts mutations of ours, and deployments of anybody."""

    def __init__(self, emulator: Inside) -> None:
        self.emulator = emulator
        self.mutations: list[str] = []
        emulator.after = lambda writes, operation: self.mutations.append(operation) if writes else None
        self._deployments = self._count()

    def _count(self) -> int:
        return len(self.emulator.store.all("deployment", lambda _: True))

    def taken(self) -> tuple[list[str], int]:
        """Return mutations and deployments since the last look."""
        found = (self.mutations.copy(), self._count() - self._deployments)
        self.mutations.clear()
        self._deployments = self._count()
        return found


def changed(before: Documents, after: Documents) -> list[str]:
    """Name the documents that differ, but for what only tells of the past."""
    kinds = sorted({*before, *after} - set(HISTORY))
    return [
        f"{kind} {id_}"
        for kind in kinds
        for id_ in sorted({*before.get(kind, {}), *after.get(kind, {})})
        if before.get(kind, {}).get(id_) != after.get(kind, {}).get(id_)
    ]


@pytest.fixture(scope="module")
def table() -> Iterator[list[str]]:
    """Collects a row for each environment; `pytest -s` shows them."""
    rows: list[str] = []
    yield rows
    head = f"{'environment':<48} adopt  up  again  refresh  one change            destroy  left to Railway"
    print("\n".join(["", head, *rows]))


@pytest.mark.parametrize("name", FIXTURES)
def test_a_live_environment_is_taken_over_changed_once_and_given_back(
    name: str, emulator: Inside, table: list[str]
) -> None:
    fixture = FIXTURES[name]
    made = built(inside(emulator), fixture)
    counted = Counted(emulator)
    before = emulator.documents()

    described, settings, told = adopted(emulator, made, fixture)
    assert counted.taken() == ([], 0)
    for shown in (*told.lines(), json.dumps(told.document()), json.dumps(described.plain), repr(described)):
        assert MARK not in shown
    assert all(line.isprintable() for line in told.lines())
    assert (told.changes, told.deployments) == (0, 0), "\n".join(told.lines())

    stack = Stack(emulator)
    stack.up(settings)
    assert counted.taken() == ([], 0)
    assert changed(before, emulator.documents()) == []
    stack.up(settings)
    assert counted.taken() == ([], 0)
    assert stack.refresh() == []
    assert counted.taken() == ([], 0)

    keys = {**settings.keys, "BANKR_API_KEY": "new"}
    change = settings.model_copy(update={"keys": keys})
    is_empty = not (settings.pool.image or settings.pool.repo)
    if fixture.refused:
        with pytest.raises(Exception, match=re.escape(fixture.refused)):
            stack.up(change)
        counted.taken()
    else:
        stack.up(change)
        assert counted.taken() == (["environmentPatchCommit"], 0 if is_empty else 1)

    between = emulator.documents()
    stack.destroy()
    assert counted.taken() == ([], 0)
    assert changed(between, emulator.documents()) == []
    assert stack.state == {}
    change_cost = "refused" if fixture.refused else f"1 patch, {0 if is_empty else 1} deployments"
    kept = len(settings.pool.kept) + len(settings.database.kept)
    table.append(f"{name:<48} 0, 0   0   0      same     {change_cost:<21} 0        {kept} names")


def test_an_environment_that_is_marked_is_refused_to_another_stack_by_name(emulator: Inside) -> None:
    made = built(inside(emulator), FIXTURES["the usual one, by a patch"])
    counted = Counted(emulator)
    _, settings, _ = adopted(emulator, made, FIXTURES["the usual one, by a patch"])
    first, second = Stack(emulator), Stack(emulator, name="second")
    first.up(settings)
    second.up(settings.model_copy(update={"stack": "second"}))
    assert counted.taken() == ([], 0), "nothing is marked until somebody says so"

    first.up(settings.model_copy(update={"improvements": settings.improvements.model_copy(update={"mark": True})}))
    assert counted.taken() == (["environmentPatchCommit"], 0)
    third = Stack(emulator, name="third")
    with pytest.raises(Exception, match=f"managed by the stack {STACK} .*make release STACK={STACK}"):
        third.up(settings.model_copy(update={"stack": "third"}))
    assert {one.kind for one in third.state.values()} == {"Project"}
    assert "is managed by the stack" in str(
        takeover.problem("production", "third", live(emulator, made).snapshot.config)
    )
    assert takeover.problem("production", STACK, live(emulator, made).snapshot.config) is None

    first.up(settings)
    assert counted.taken() == (["environmentPatchCommit"], 0)
    assert takeover.owner(live(emulator, made).snapshot.config) == ""


def test_what_a_colleague_changes_between_adopt_and_the_first_update_is_not_overwritten(emulator: Inside) -> None:
    fixture = FIXTURES["agents and strangers"]
    made = built(inside(emulator), fixture)
    counted = Counted(emulator)
    _, settings, _ = adopted(emulator, made, fixture)
    theirs = {"services": {made.ids["web"]: {"variables": {"A": {"value": "2"}}}}}
    made.send("environmentPatchCommit", environmentId=made.environment_id, patch=theirs, skipDeploys=True)
    other = {"services": {made.ids[POOL]: {"variables": {"POOL_MIN_IDLE": {"value": "8"}}}}}
    made.send("environmentPatchCommit", environmentId=made.environment_id, patch=other, skipDeploys=True)
    counted.taken()
    stack = Stack(emulator)
    with pytest.raises(Exception, match=f"{POOL} changed on Railway after make adopt; run make adopt again"):
        stack.up(settings)
    assert counted.taken() == ([], 0)
    _, settings, _ = adopted(emulator, made, fixture)
    assert settings.pool.min_idle == 8
    stack.up(settings)
    assert counted.taken() == ([], 0)


ALONE = ("seal", "pin", "rollouts", "token", "private-url", "health")
UNCHECKED = "a repository without a folder or a health check"
SOME = int(os.environ.get("ADOPT_EVERY", "6"))
"""Every so-manieth environment, as each costs a moment: ADOPT_EVERY=1 takes all."""


@pytest.mark.parametrize("improvement", ALONE)
def test_an_improvement_that_is_switched_on_alone_costs_what_was_announced_and_no_more(
    improvement: str, emulator: Inside
) -> None:
    tried = 0
    for name in {*list(FIXTURES)[ALONE.index(improvement) % SOME :: SOME], UNCHECKED}:
        fixture = FIXTURES[name]
        is_up = not fixture.removed and all(server.runs for server in fixture.services.values())
        has_database = "postgres" in fixture.services
        if fixture.refused or not is_up or (improvement == "private-url" and not has_database):
            continue
        emulator.restore({})
        made = built(inside(emulator), fixture)
        counted = Counted(emulator)
        _, settings, told = adopted(emulator, made, fixture, (improvement,))
        assert counted.taken() == ([], 0)
        stack = Stack(emulator)
        stack.up(settings)
        mutations, deployments = counted.taken()
        assert deployments <= told.deployments, (name, told.deployments, deployments)
        # A URL that is written in another way and gives what runs already is stored and not deployed.
        assert deployments == told.deployments or improvement == "private-url", (name, told.deployments, deployments)
        patches = [one for one in mutations if one != "projectTokenCreate"]
        assert set(patches) <= {"environmentPatchCommit", "environmentPatchStore"}, name
        assert patches.count("environmentPatchCommit") == deployments, (name, patches)
        assert len(patches) == sum(bool(row.changes) for row in told.rows), (name, told.changes, mutations)
        before = emulator.documents()
        stack.up(settings)
        assert counted.taken() == ([], 0), name
        assert changed(before, emulator.documents()) == [], name
        tried += told.changes > 0
    assert tried, "no environment was improved"
