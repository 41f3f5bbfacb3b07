"""The parts of the console by themselves: the ledger's filter, logins, the map of references."""

from __future__ import annotations

import pytest

from emulator.console.calls import CallFilter
from emulator.console.markup import tag
from emulator.console.read import ReferenceEdge
from emulator.console.reference_map import drawn
from emulator.console.sessions import MOST_SESSIONS, SESSION_SECONDS, ConsoleSessions

CALL = {"operation": "a", "fields": ["a", "bee"], "client": "Web", "error": "", "fault": "", "deployments": []}


@pytest.mark.parametrize(
    ("asked", "passes"),
    [
        (CallFilter(), True),
        (CallFilter(operation="BE"), True),
        (CallFilter(operation="x"), False),
        (CallFilter(client="w"), True),
        (CallFilter(outcome="fine"), True),
        (CallFilter(outcome="error"), False),
        (CallFilter(deploys=True), False),
    ],
)
def test_a_filter_looks_at_all_fields(asked: CallFilter, passes: bool) -> None:
    assert asked.passes(CALL) is passes


def test_a_login_ends_by_time_and_of_too_many_the_oldest_does() -> None:
    now = [0.0]
    sessions = ConsoleSessions("t", lambda: now[0])
    first = sessions.begin(" t\n")
    assert first is not None
    assert sessions.form_token(first)
    now[0] = SESSION_SECONDS
    assert sessions.form_token(first) == ""
    made = [sessions.begin("t") or "" for _ in range(MOST_SESSIONS + 1)]
    assert sessions.form_token(made[0]) == ""
    assert len({sessions.form_token(one) for one in made[1:]} - {""}) == MOST_SESSIONS


def test_a_map_draws_each_service_once() -> None:
    edges = [
        ReferenceEdge("a", "b", "X", False),
        ReferenceEdge("a", "b", "Y", False),
        ReferenceEdge("c" * 50, "shared", "Z", True),
    ]
    found = drawn(edges)
    assert found.count("<rect") == 4
    assert found.count("<line") == 2
    assert found.count('class="broken"') == 2
    assert tag("rect", x=1) == '<rect x="1"/>'
