"""`make agents`: every agent and the last acts, as a table that a name cannot break."""

from __future__ import annotations

from typing import Any

from ops.agents.listing import NEWEST, lines

DIGEST = "sha256:" + "1" * 64


def agent(id_: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "status": "claimed", "state": "claimed", "image": f"ghcr.io/a/b:scaling@{DIGEST}", **more}


def test_agents_are_listed_by_state_with_what_is_wrong_with_them() -> None:
    status = {
        "instances": [
            agent("bbbbbbbbbbbb", status="idle", state="idle"),
            agent("aaaaaaaaaaaa", agentName="Ada"),
            agent("cccccccccccc", state="unknown", reason="claim outcome unknown: HTTP 500"),
        ],
        "problem": "limit: the project has 20 of 20 volumes",
    }
    events = [{"at": "2026-01-01T00:00:00.000+00:00", "act": "made", "agentId": "bbbbbbbbbbbb", "reason": "made"}]
    found = lines(status, events * 50)
    assert [line.split()[0] for line in found[:4]] == ["agent", "aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"]
    assert "Ada" in found[1]
    assert found[3].endswith("claim outcome unknown: HTTP 500")
    assert found[4:7] == ["3 agents", "limit: the project has 20 of 20 volumes", ""]
    assert len(found[8:]) == NEWEST


def test_a_name_begins_no_row_and_no_command() -> None:
    hostile = agent("aaaaaaaaaaaa", agentName="x\n::error::no\x1b[2J", state="")
    found = lines({"instances": [hostile]}, None)
    assert found[-1] == "this pool manager keeps no events"
    assert len(found) == 5
    assert all(line.isprintable() for line in found)
    assert not [line for line in found if line.lstrip().startswith("::")]
