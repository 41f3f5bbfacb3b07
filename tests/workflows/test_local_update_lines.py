"""What `make local` prints of an update: what takes time, once, and why it failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from ops.local.shown_update import UpdateTold
from ops.progress.records import WaitEvent, step_events

DYNAMIC = "pulumi-python:dynamic/"


def event(moment: str, op: str, kind: str, name: str, **inputs: str) -> str:
    urn = f"urn:pulumi:local::convos-infra::{kind}::{name}"
    state: dict[str, Any] = {"inputs": inputs}
    return json.dumps({moment: {"metadata": {"op": op, "urn": urn, "new": state, "old": state}}})


def both(op: str, kind: str, name: str, **inputs: str) -> list[str]:
    return [event(moment, op, kind, name, **inputs) for moment in ("resourcePreEvent", "resOutputsEvent")]


@pytest.fixture
def told() -> UpdateTold:
    ticks: Iterator[int] = count(0, 7)
    return UpdateTold(lambda: float(next(ticks)))


@pytest.mark.parametrize(
    ("lines", "said", "result"),
    [
        (both("same", DYNAMIC + "railway:Deployment", "canary"), [], ["nothing to change"]),
        (both("refresh", DYNAMIC + "railway:Deployment", "canary"), [], ["nothing to change"]),
        (both("create", DYNAMIC + "secret:RandomSecret", "key"), [], ["1 created"]),
        (
            both("create", "docker-build:index:Image", "pool-build"),
            ["image pool: built and pushed, 7 s"],
            ["1 created"],
        ),
        (both("update", DYNAMIC + "schema:DatabaseSchema", "s"), ["schema: migrations applied, 7 s"], ["1 updated"]),
        (
            both("update", DYNAMIC + "railway:Deployment", "canary", service="convos-canary"),
            ["convos-canary: DEPLOYING -> SUCCESS, 7 s"],
            ["1 updated"],
        ),
        (both("delete", DYNAMIC + "railway:Deployment", "canary"), [], ["1 deleted"]),
        (
            [
                event("resourcePreEvent", "create", DYNAMIC + "railway:Deployment", "canary"),
                event("resOpFailedEvent", "create", DYNAMIC + "railway:Deployment", "canary"),
            ],
            ["canary: failed after 7 s"],
            ["nothing to change"],
        ),
        (['{"half', "null", "[]", '{"resourcePreEvent": 7}'], [], ["nothing to change"]),
    ],
)
def test_lines(told: UpdateTold, lines: list[str], said: list[str], result: list[str]) -> None:
    waits = [WaitEvent("convos-canary", "INITIALIZING"), WaitEvent("convos-canary", "DEPLOYING -> SUCCESS")]
    assert list(told.told(step_events(lines), waits)) == said
    assert told.doing() == ""
    assert told.result() == result


def test_what_is_under_way_is_named_with_what_its_provider_says(told: UpdateTold) -> None:
    begun = [
        event("resourcePreEvent", "create", "docker-build:index:Image", "runtime-build"),
        event("resourcePreEvent", "update", DYNAMIC + "railway:Deployment", "postgres"),
    ]
    assert list(told.told(step_events(begun), [WaitEvent("postgres", "DEPLOYING")])) == []
    assert told.doing() == "image runtime, postgres (DEPLOYING)"
