"""What `make rotate` takes, refuses and says; no Railway, no Pulumi."""

from __future__ import annotations

import json
from typing import Any

import pytest

from convos_infra.errors import InfraError
from convos_infra.railway.snapshot import Snapshot
from ops.agents.living_agent import LivingAgent, living
from ops.rotate.holders import holders
from ops.rotate.key_place import KeyPlace, key_place
from ops.rotate.new_value import checked
from ops.rotate.rotation import Rotation

OLD = "exa-of-the-leak"
CONFIG: dict[str, Any] = {"keys": {"EXA_API_KEY": {"secure": "v1:x"}, "EMPTY": ""}}
ADA = LivingAgent("abc", "claimed", "Ada", "SUCCESS", is_latest=True, keys_behind=frozenset({"EXA_API_KEY"}))


def test_a_key_is_found_where_the_config_has_it() -> None:
    assert key_place("EXA_API_KEY", CONFIG) == KeyPlace("EXA_API_KEY", "keys.EXA_API_KEY", is_set=True)
    assert key_place(" keys.EXA_API_KEY", CONFIG).path == "keys.EXA_API_KEY"
    assert key_place("POOL_API_KEY", CONFIG) == KeyPlace("POOL_API_KEY", "poolApiKey", is_set=False)
    assert key_place("POOL_API_KEY", {"poolApiKey": {"secure": "v1:y"}}).is_set


@pytest.mark.parametrize(
    ("name", "config", "says"),
    [
        ("", CONFIG, "KEY= is missing"),
        ("EMPTY", CONFIG, "no such key to rotate"),
        ("OTHER", CONFIG, "no such key to rotate"),
        ("OTHER", {"keys": {"secure": "v1:z"}}, "no such key to rotate"),
        ("DATABASE_URL", CONFIG, "not rotated by this command"),
        ("RAILWAY_API_TOKEN", CONFIG, "not rotated by this command"),
        ("POOL_MIN_IDLE", CONFIG, "is not one of a stack's keys"),
        ("OPENCLAW_GATEWAY_TOKEN", CONFIG, "is not one of a stack's keys"),
    ],
)
def test_what_is_no_key_to_rotate_is_refused_before_anything_is_asked(
    name: str, config: dict[str, Any], says: str
) -> None:
    with pytest.raises(InfraError, match=says):
        key_place(name, config)


def test_a_new_value_is_one_line_and_an_empty_pool_key_is_made() -> None:
    assert checked("EXA_API_KEY", "exa-1\n") == "exa-1"
    assert checked("EXA_API_KEY", "exa-1\r\n") == "exa-1"
    made = {checked("POOL_API_KEY", ""), checked("POOL_API_KEY", "\n")}
    assert [len(one) for one in made] == [64, 64]


@pytest.mark.parametrize(
    "given", ["", "\n", "  \n", " exa-9", "exa-9 ", "exa-9\nb\n", "exa-9\tb", "exa-9\x00", "exa-9\x1b[31m", "exa-9\n\n"]
)
def test_a_value_that_nobody_can_mean_is_refused_and_not_quoted(given: str) -> None:
    with pytest.raises(InfraError) as caught:
        checked("EXA_API_KEY", given)
    assert caught.value.next_step
    assert "exa-9" not in str(caught.value)


def test_a_value_of_many_lines_and_one_that_is_too_long_are_told_apart() -> None:
    with pytest.raises(
        InfraError, match="begins or ends with whitespace, or contains a control character; give one line"
    ):
        checked("EXA_API_KEY", "exa-9\nexa-9")
    with pytest.raises(InfraError, match="has more than 100000 characters"):
        checked("EXA_API_KEY", "x" * 100_001)


def snapshot(**services: dict[str, str]) -> Snapshot:
    config = {
        "services": {id_: {"variables": {key: {"value": row[key]} for key in row}} for id_, row in services.items()},
        "sharedVariables": {"COPY": {"value": f"key={OLD}"}, "SEALED": None},
    }
    instances: dict[str, Any] = {id_: {} for id_ in services}
    return Snapshot("e", "p", "qa", False, config, instances, (), {"s1": "web"}, {})


def test_holders_are_named_wherever_the_old_value_is_part_of_a_variable() -> None:
    found = holders(snapshot(s1={"EXA_API_KEY": OLD, "URL": f"https://u:{OLD}@x", "NEW": "exa"}, s2={"A": "b"}), OLD)
    assert found == [("shared variables", "COPY"), ("web", "EXA_API_KEY"), ("web", "URL")]
    assert holders(snapshot(s1={"A": "dev"}), "dev") == [], "too short to mean anything"
    assert holders(snapshot(s1={"A": ""}), "") == []


def test_the_outcome_says_what_is_left_and_how_to_end_it() -> None:
    left = Rotation("qa", "EXA_API_KEY", ["x"], [ADA], [("web", "URL")], wrote_config=True)
    text = "\n".join(left.lines())
    assert not left.is_complete
    assert "agent abc (claimed, Ada)" in text
    assert "make agents STACK=qa MOVE=<id> CLAIMED=yes" in text
    assert "revoke" not in text
    done = Rotation("qa", "EXA_API_KEY", ["x"])
    assert "revoke it at its issuer" in "\n".join(done.lines())
    assert json.loads(json.dumps(left.document()))["left"] == [{"agent": "abc", "state": "claimed"}]


def test_another_pool_managers_agents_are_read_as_far_as_they_are_told() -> None:
    (one,) = living({"instances": [{"id": "a", "status": "idle"}]})
    assert (one.state, one.keys_behind, one.is_free) == ("idle", None, True)
    with pytest.raises(InfraError, match="not one that this program knows"):
        living({"agents": []})
