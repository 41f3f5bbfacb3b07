"""Railway answers in another shape, or without an end: that is one line of the log, and nobody's agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from convos_pool import operations
from convos_pool.agent_homes import AgentHomes
from convos_pool.agent_services import AgentServices
from convos_pool.errors import RailwayCallError
from convos_pool.project_per_agent import ProjectPerAgent
from convos_pool.railway import Railway
from convos_pool.railway_answers import MOST_PAGES

NODE = {
    "serviceId": "s",
    "serviceName": "convos-agent-abcdefghijkm",
    "createdAt": "2026-01-01T00:00:00Z",
    "deletedAt": None,
    "source": {"image": "i"},
    "domains": {"serviceDomains": [{"domain": "d"}]},
    "latestDeployment": None,
}


class Calls:
    """Answers every document with what a test says."""

    def __init__(self, answer: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
        self.answer, self.count = answer, 0

    def execute(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        self.count += 1
        assert self.count <= 2 * MOST_PAGES, "it asks without an end"
        if document == operations.POOL_PLACE:
            return {"project": {"workspaceId": "w"}, "environment": {"name": "e"}}
        return self.answer(variables)


def shared(calls: Any) -> AgentServices:
    return Railway(calls, "p", "e")


def per_agent(calls: Any) -> AgentServices:
    return ProjectPerAgent(calls, AgentHomes(), "p", "e")


WAYS = [shared, per_agent]


def page(nodes: Any, *, more: Any = False, cursor: Any = None) -> dict[str, Any]:
    found = {"edges": [{"node": node} for node in nodes], "pageInfo": {"hasNextPage": more, "endCursor": cursor}}
    return {"environment": {"serviceInstances": found, "volumeInstances": found}, "projects": found}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cursor", ["again", None, ""])
def test_a_cursor_that_comes_again_ends_the_list_with_an_error(
    way: Callable[[Any], AgentServices], cursor: Any
) -> None:
    calls = Calls(lambda _: page([], more=True, cursor=cursor))
    with pytest.raises(RailwayCallError, match="the list does not end"):
        way(calls).instances()
    assert calls.count <= 3


@pytest.mark.parametrize("way", WAYS)
def test_a_list_with_ever_new_cursors_ends_as_well(way: Callable[[Any], AgentServices]) -> None:
    calls = Calls(lambda given: page([], more=True, cursor=f"{given['after']}x"))
    with pytest.raises(RailwayCallError, match="the list does not end"):
        way(calls).instances()


ODD: list[Any] = [
    {},
    {"environment": None, "projects": None},
    {"environment": {}, "projects": []},
    page([None]),
    page(["text"]),
    page([{**NODE, "createdAt": "yesterday"}]),
    page([{**NODE, "createdAt": 5}]),
    page([{**NODE, "domains": None}]),
    page([{**NODE, "latestDeployment": {"id": "d"}}]),
    page([{}]),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("answer", ODD, ids=lambda answer: str(answer)[:60])
def test_a_list_of_another_shape_is_an_error_in_one_line(way: Callable[[Any], AgentServices], answer: Any) -> None:
    described = {"description": "Convos agent abcdefghijkm of the pool in environment e"}
    for edge in (answer.get("projects") or {}).get("edges", []) if isinstance(answer.get("projects"), dict) else []:
        if isinstance(edge["node"], dict):
            edge["node"] = {**edge["node"], **described}
    with pytest.raises(RailwayCallError, match=r"^railway: agent\w+: the answer cannot be read \(\w+\)"):
        way(Calls(lambda _: answer)).instances()


@pytest.mark.parametrize("odd", [None, [], {"deletedAt": None}, {**NODE, "createdAt": None}])
def test_a_claims_question_that_is_answered_in_another_shape_is_an_error(odd: Any) -> None:
    for answer in ({"serviceInstance": odd, "variables": {}}, {"serviceInstance": NODE, "variables": None}):
        with pytest.raises(RailwayCallError, match="agentBeforeClaim: the answer cannot be read"):
            shared(Calls(lambda _, found=answer: found)).before_claim("s")


def test_times_of_any_offset_or_none_can_be_compared() -> None:
    nodes = [
        {**NODE, "createdAt": at} for at in ("2026-01-01T00:00:00", "2999-01-01T00:00:00Z", "2026-01-01T02:00:00+02:00")
    ]
    found = sorted(one.created_at for one in shared(Calls(lambda _: page(nodes))).instances())
    assert found[0] == found[1] == datetime(2026, 1, 1, tzinfo=UTC)
