"""A project whose deletion is scheduled is not gone: it can be kept for 48 hours (fact: volume-grace)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from convos_infra.errors import InfraError
from convos_infra.railway import absence
from convos_infra.railway.absence import PendingDeletion, refuse_leaving
from convos_infra.railway.resources.project import ProjectProvider
from convos_infra.railway.resources.shared_variables import SharedVariablesProvider
from tests.railway.stack_double import ORDER, StackDouble, alive

SCHEDULE = "mutation d($id: String!) { projectScheduleDelete(id: $id) }"
CANCEL = "mutation c($id: String!) { projectScheduleDeleteCancel(id: $id) }"
SAID = "its deletion is scheduled: Railway deletes it and everything in it in 47 hours"
NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)


@pytest.fixture
def leaving(new: Callable[..., StackDouble]) -> StackDouble:
    one = new()
    one.up()
    one.emulator.run(SCHEDULE, id=one.ids()[ProjectProvider])
    one.emulator.forget_calls()
    one.said.clear()
    return one


def mutations(one: StackDouble) -> list[str]:
    return [call["operation"] for call in one.emulator.calls() if call["type"] == "mutation"]


def test_a_refresh_keeps_everything_and_says_it_once(leaving: StackDouble) -> None:
    ids = leaving.ids()
    leaving.refresh()
    assert leaving.ids() == ids
    (line,) = [line for line in leaving.said if SAID in line]
    assert line.startswith(f"project {leaving.name}: ")
    assert "cancel the deletion on Railway" in line
    assert mutations(leaving) == []


def test_no_update_goes_through_until_the_deletion_is_cancelled_and_then_nothing_changes(leaving: StackDouble) -> None:
    state = {kind: made.outputs for kind, made in leaving.state.items()}
    leaving.refresh()
    leaving.begin()
    news = leaving.inputs(ProjectProvider)
    (failure,) = leaving.provider(ProjectProvider).check(leaving.state[ProjectProvider].inputs, news).failures
    assert SAID in failure.reason
    leaving.emulator.run(CANCEL, id=leaving.ids()[ProjectProvider])
    leaving.emulator.forget_calls()
    leaving.refresh()
    leaving.up()
    assert mutations(leaving) == []
    assert {kind: made.outputs for kind, made in leaving.state.items()} == state


def test_a_change_without_a_refresh_stops_and_names_it(leaving: StackDouble) -> None:
    leaving.begin()
    made = leaving.state[SharedVariablesProvider]
    news = {**made.inputs, "variables": {"S": "2"}}
    with pytest.raises(InfraError, match=SAID):
        leaving.provider(SharedVariablesProvider).updated(made.id, copy.deepcopy(made.outputs), news)
    assert mutations(leaving) == []


def test_a_destroy_leaves_it_to_railway_and_says_so(leaving: StackDouble) -> None:
    ids = leaving.ids()
    leaving.destroy()
    assert (leaving.state, mutations(leaving)) == ({}, [])
    (line,) = [line for line in leaving.said if SAID in line]
    assert line.startswith(f"left to Railway: project {leaving.name}: ")
    leaving.emulator.run(CANCEL, id=ids[ProjectProvider])
    assert all(alive(leaving.emulator, ids).values())


def test_no_empty_project_is_made_in_its_place_where_the_state_was_lost(leaving: StackDouble) -> None:
    leaving.state.clear()
    leaving.begin()
    with pytest.raises(Exception, match=SAID):
        leaving.provider(ProjectProvider).check({}, leaving.inputs(ProjectProvider))
    assert mutations(leaving) == []


def test_one_that_was_deleted_at_once_is_gone(new: Callable[..., StackDouble]) -> None:
    one = new()
    one.up()
    one.emulator.run("mutation d($id: String!) { projectDelete(id: $id) }", id=one.ids()[ProjectProvider])
    one.refresh()
    assert set(one.state) < set(ORDER)
    assert ProjectProvider not in one.state


@pytest.mark.parametrize("place", ["project", "environment", "listed"])
@pytest.mark.parametrize(
    ("deleted_at", "is_scheduled"),
    [
        (NOW + timedelta(hours=48), True),
        (NOW + timedelta(minutes=11), True),
        (NOW + timedelta(minutes=5), False),
        (NOW - timedelta(hours=1), False),
        (None, False),
    ],
)
def test_what_is_deleted_later_is_scheduled_whatever_says_it(
    place: str, deleted_at: datetime | None, is_scheduled: bool
) -> None:
    row = {"id": "e", "name": "n", "deletedAt": deleted_at.isoformat() if deleted_at else None}
    living: dict[str, Any] = {"id": "e", "name": "n", "deletedAt": None}
    project = {**(row if place == "project" else living), "environments": {"edges": []}}
    if place == "listed":
        project["environments"] = {"edges": [{"node": row}, {"node": {**row, "id": "another"}}]}
    client: Any = SimpleNamespace(now=lambda: NOW)
    environment = row if place == "environment" else living
    if not is_scheduled:
        refuse_leaving(client, "e", environment, project)
        return
    with pytest.raises(PendingDeletion) as refused:
        refuse_leaving(client, "e", environment, project)
    assert refused.value.subject == ("project n" if place == "project" else "environment n")


def test_an_environment_whose_project_is_scheduled_is_not_gone_by_the_projects_own_word() -> None:
    until = (NOW + timedelta(hours=2)).isoformat()
    project = {"id": "p", "name": "n", "deletedAt": until, "environments": {"edges": []}}
    client: Any = SimpleNamespace(now=lambda: NOW, query=lambda *_, **__: {"project": project}, is_project_token=False)
    with pytest.raises(PendingDeletion, match="in 2 hours"):
        absence.environment_is_gone(client, "p", "e", "web")
