"""What `make local` prints of an update: what takes time, once, and why it failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from ops.local.shown_update import UpdateLines
from ops.progress.board import Board
from ops.progress.build_progress import BuildProgress
from ops.progress.records import BuildEvent, StepEvent, WaitEvent, step_events

DYNAMIC = "pulumi-python:dynamic/"


def event(moment: str, op: str, kind: str, name: str, **inputs: str) -> str:
    urn = f"urn:pulumi:local::convos-infra::{kind}::{name}"
    state: dict[str, Any] = {"inputs": inputs}
    return json.dumps({moment: {"metadata": {"op": op, "urn": urn, "new": state, "old": state}}})


def both(op: str, kind: str, name: str, **inputs: str) -> list[str]:
    return [event(moment, op, kind, name, **inputs) for moment in ("resourcePreEvent", "resOutputsEvent")]


@pytest.fixture
def told() -> UpdateLines:
    ticks: Iterator[int] = count(0, 7)
    return UpdateLines(lambda: float(next(ticks)))


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
def test_lines(told: UpdateLines, lines: list[str], said: list[str], result: list[str]) -> None:
    waits = [WaitEvent("convos-canary", "INITIALIZING"), WaitEvent("convos-canary", "DEPLOYING -> SUCCESS")]
    assert list(told.told(step_events(lines), waits)) == said
    assert told.doing() == ""
    assert told.result() == result


def test_what_is_under_way_is_named_with_what_its_provider_says(told: UpdateLines) -> None:
    begun = [
        event("resourcePreEvent", "create", "docker-build:index:Image", "runtime-build"),
        event("resourcePreEvent", "update", DYNAMIC + "railway:Deployment", "postgres"),
    ]
    assert list(told.told(step_events(begun), [WaitEvent("postgres", "DEPLOYING")])) == []
    assert told.doing() == "image runtime, postgres (DEPLOYING)"


LINES = [
    '#0 building with "convos-local" instance using remote driver',
    "#5 [stage-1 1/3] FROM docker.io/library/node:22-bookworm-slim@sha256:0a1b",
    "#5 sha256:0a1b 0B / 28.00MB 0.2s",
    "#5 sha256:ff00 12.00MB / 12.00MB 0.4s done",
    "#5 sha256:0a1b 8.00MB / 28.00MB 0.5s",
    "#5 extracting sha256:ff00 0.5s done",
    "#5 DONE 1.2s",
    "",
    "#6 [files 1/5] COPY runtime ./",
    "#6 ...",
    "#7 transferring context: 79.23MB 1.3s done",
    "#8 exporting layers 14.5s done",
]
SAID = [
    'building with "convos-local" instance using remote driver',
    "[stage-1 1/3] FROM docker.io/library/node:22-bookworm-slim@…",
    "pulling [--------------------] 0 of 28 MB",
    "pulling [######--------------] 12 of 40 MB",
    *["pulling [##########----------] 20 of 40 MB"] * 4,
    *["[files 1/5] COPY runtime ./"] * 2,
    "transferring context: 79.23MB",
    "exporting layers",
]


def test_a_build_has_a_bar_where_sizes_are_known() -> None:
    now, said = BuildProgress(), list[str]()
    for line in LINES:
        now = now.after(f"{line}\n")
        said.append(now.said)
    assert said == SAID


@pytest.mark.parametrize("line", ["#5 sha256:0a 1.2.3MB / ..MB 1s", "#5 sha256:0a 0B / 0B", "#x y", "\x1b[2J", "#1"])
def test_strange_lines_of_a_build_are_no_mistake(line: str) -> None:
    assert BuildProgress("before").after(line).said in ("before", "pulling [--------------------] 0 of 0 MB")


def test_the_board_shows_a_build_and_at_its_end_that_it_is_built(told: UpdateLines) -> None:
    began, ended = both("create", "docker-build:index:Image", "runtime-build")
    urn = json.loads(began)["resourcePreEvent"]["metadata"]["urn"]
    built = {"message": "#5 sha256:0a1b 7.00MB / 28.00MB 0.2s\n", "urn": urn, "severity": "info", "ephemeral": True}
    said = json.dumps({"diagnosticEvent": built})
    board, texts = Board(), list[str]()
    for event_ in step_events([said, began, said, ended, said]):
        if isinstance(event_, StepEvent):
            board = board.step(event_, 0.0)
        elif isinstance(event_, BuildEvent):
            board = board.build(event_)
        texts += [line.text for line in board.lines.values()]
    assert texts == [
        "is built and pushed",
        *["pulling [#####---------------] 7 of 28 MB"],
        *["is built and pushed"] * 2,
    ]
    list(told.told(step_events([began, said]), []))
    assert told.doing() == "image runtime (pulling [#####---------------] 7 of 28 MB)"


def test_a_build_that_fails_shows_what_it_printed_last(told: UpdateLines) -> None:
    kind, name = "docker-build:index:Image", "runtime-build"
    began, failed = (event(moment, "update", kind, name) for moment in ("resourcePreEvent", "resOpFailedEvent"))
    urn = json.loads(began)["resourcePreEvent"]["metadata"]["urn"]
    said = [
        json.dumps({"diagnosticEvent": {"message": line, "urn": urn, "severity": "info"}})
        for line in (*(f"#8 {number}\n" for number in range(20)), "\n", "#9 0.2 no space left on device\n")
    ]
    lines = list(told.told(step_events([began, *said, failed]), []))
    assert lines[0] == "image runtime: failed after 7 s"
    assert lines[1:] == [*(f"  #8 {number}" for number in range(13, 20)), "  #9 0.2 no space left on device"]
