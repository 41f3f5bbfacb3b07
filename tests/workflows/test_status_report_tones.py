"""What of the page about a stack is red, and that text from outside cannot steer the terminal."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from ops.status.finding import Finding, FindingKind, Severity
from ops.status.report import Part, of_pool
from ops.status.rows import rows
from ops.status.terminal import has_colours, lines
from tests.workflows.status_parts import (
    CLEAR,
    ENVIRONMENT,
    LOCK,
    SCHEMA,
    SERVES,
    STATUS,
    UPDATED,
    red,
    report,
    table,
)


def test_drift_names_what_and_where_and_its_absence_is_told_too() -> None:
    found = [
        Finding("postgres", FindingKind.VOLUME_PENDING, ("47 h 3 min left",)),
        Finding("canary", FindingKind.NOT_SERVING, ("CRASHED",)),
        Finding("pool", FindingKind.CHANGED, ("image", "XMTP_ENV")),
    ]
    assert table({Part.DRIFT: found}) == [
        "  drift  postgres: its volume was deleted: 47 h 3 min left",
        "         canary: nothing runs: the newest deployment is CRASHED",
        "         pool: changed by others: image, XMTP_ENV",
        (
            "         pulumi refresh --stack scaling records it, then pulumi preview --stack scaling shows"
            " what an update would do about it"
        ),
    ]
    none = "  drift  none: Railway has, and runs, what the last update left"
    assert table({Part.DRIFT: []}) == [none]
    stranger = Finding("my-tool", FindingKind.STRANGER_SERVICE, ("crashed",))
    assert table({Part.DRIFT: [stranger]}) == [
        none,
        "         my-tool: a service that this stack does not manage (crashed)",
    ]


def test_only_information_of_others_is_fine_and_every_other_finding_is_not() -> None:
    assert len(FindingKind) > 1
    for kind in FindingKind:
        finding = Finding("x", kind, ("n",))
        is_information = finding.severity is Severity.INFORMATION
        assert report({Part.DRIFT: [finding]}).is_fine is is_information, kind
        assert bool(red({Part.DRIFT: [finding]})) is not is_information, kind
        assert "{" not in finding.text()


@pytest.mark.parametrize(
    ("part", "fine", "wrong"),
    [
        (Part.UPDATE, CLEAR, {**CLEAR, "locks": [LOCK]}),
        (Part.ENVIRONMENT, ENVIRONMENT, {**ENVIRONMENT, "gone": True}),
        (Part.SERVICES, [SERVES], [SERVES, dataclasses.replace(SERVES, running=None)]),
        (Part.AGENTS, of_pool(STATUS)[0], of_pool({**STATUS, "database": "connection refused"})[0]),
        (Part.ROLLOUT, {"state": "held", "text": ""}, {"state": "aborted", "text": "batch 1 did not become ready"}),
        (Part.SCHEMA, SCHEMA, {**SCHEMA, "drift": ["table notes: not ours"]}),
        (Part.SCHEMA, SCHEMA, {**SCHEMA, "version": "0001"}),
        (Part.DRIFT, [], [Finding("x", FindingKind.RENAMED, ("y",))]),
        (Part.UPDATES, UPDATED, [{**UPDATED[0], "result": "failed"}, *UPDATED]),
    ],
)
def test_each_part_that_can_be_fine_can_be_wrong_and_is_then_red(part: Part, fine: Any, wrong: Any) -> None:
    assert report({part: fine}).is_fine
    assert red({part: fine}) == []
    assert not report({part: wrong}).is_fine
    assert red({part: wrong})


HOSTILE = (
    "\x1b[2J\x1b[1;32mSUCCESS",
    "\x1b]0;title\x07",
    "line\nfeed\rreturn",
    "\x9b31m",
    "right\u202eleft",
    "zero\u200bwidth",
    "line\u2028separator",
    "lone\ud800surrogate",
    "private\ue000use",
    "tab\there",
)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("colours", [False, True])
def test_what_comes_from_outside_cannot_steer_the_terminal(name: str, colours: bool) -> None:
    found = [Finding(name, FindingKind.RENAMED, (name,))]
    page = report(
        {
            Part.ENVIRONMENT: {**ENVIRONMENT, "name": name},
            Part.SERVICES: [dataclasses.replace(SERVES, name=name, role=None, url=name)],
            Part.AGENTS: of_pool({**STATUS, "database": name})[0],
            Part.ROLLOUT: {"state": name, "text": name},
            Part.SCHEMA: {**SCHEMA, "drift": [name]},
            Part.DRIFT: found,
            Part.UPDATES: [{**UPDATED[0], "by": name}],
        },
        image=name,
    )
    text = "\n".join(lines(rows(page), colours=colours))
    for code in ("\x1b[1m", "\x1b[1;31m", "\x1b[0m") if colours else ():
        text = text.replace(code, "")
    assert all(character.isprintable() or character == "\n" for character in text)
    assert text.count("\n") == len(rows(page)) - 1
    json.dumps(page.document()).encode("ascii")


def test_colours_are_for_a_terminal_alone_and_red_is_for_what_is_wrong() -> None:
    page = rows(
        report({Part.DRIFT: [Finding("x", FindingKind.SERVICE_GONE), Finding("y", FindingKind.STRANGER_VOLUME)]})
    )
    plain, coloured = "\n".join(lines(page)), "\n".join(lines(page, colours=True))
    assert "\x1b" not in plain
    assert "\x1b[1;31mx: gone from the environment\x1b[0m" in coloured
    assert "\x1b[1my: a volume that this stack does not manage\x1b[0m" in coloured
    assert has_colours({"TERM": "xterm"}, is_terminal=True)
    assert not has_colours({"TERM": "xterm"}, is_terminal=False)
    assert not has_colours({"TERM": "dumb"}, is_terminal=True)
    assert not has_colours({"NO_COLOR": "1"}, is_terminal=True)
