"""The page about a stack: what it shows, what it never shows, and that a part that cannot be read says so."""

from __future__ import annotations

import json
from typing import Any

from ops.status.report import Report, lines, of_outputs, of_pool, of_updates, rows

OLD, NEW = (f"registry.example/convos-runtime:scaling@sha256:{digit * 64}" for digit in "12")
OUTPUTS = {
    "environment": {"project": "convos", "projectId": "p-1", "name": "scaling", "id": "e-1"},
    "image": {
        "reference": NEW,
        "tag": "scaling",
        "digest": NEW.partition("@")[2],
        "revision": "9f8e7d6" + "0" * 33,
        "created": "2026-03-01T10:00:00+00:00",
        "chosenBy": "follow",
    },
    "canary": {"service": "canary", "url": "https://canary.example", "status": "SUCCESS", "image": NEW, "mode": ""},
    "poolManager": {
        "service": "pool",
        "url": "",
        "status": "SUCCESS",
        "image": "",
        "mode": "simulated",
        "apiKey": "S3CRET",
    },
    "database": {"url": "postgresql://u:S3CRET@h/x", "schemaVersion": "0002"},
}


def agent(state: str, image: str, *, latest: bool) -> dict[str, Any]:
    return {"id": "a" * 12, "state": state, "image": image, "latest": latest}


STATUS = {
    "image": NEW,
    "minIdle": 2,
    "database": "connected",
    "counts": {"latest": 2, "behind": 3},
    "agents": [
        agent("claimed", OLD, latest=False),
        agent("claimed", OLD, latest=False),
        agent("idle", OLD, latest=False),
        agent("idle", NEW, latest=True),
        agent("a-state-of-tomorrow", NEW, latest=True),
    ],
    "rollout": {"state": "waiting", "text": "2 agents are claimed and keep their image"},
}


def table(parts: dict[str, Any], **unread: str) -> list[str]:
    return lines(rows(Report("scaling", parts, unread)))


def test_no_secret_of_the_outputs_gets_in() -> None:
    report = Report("scaling", {**of_outputs(OUTPUTS), "keys": {"BANKR_API_KEY": "set"}})
    assert "S3CRET" in json.dumps(OUTPUTS)
    assert "S3CRET" not in json.dumps(report.document()) + "\n".join(lines(rows(report)))
    assert report.document()["poolManager"]["status"] == "SUCCESS"


def test_agents_are_counted_by_image_and_state_the_latest_image_first() -> None:
    found = table(of_pool(STATUS))
    assert found == [
        "  stack    scaling",
        "  agents   5 agents: 2 on the latest image, 3 behind; 2 are kept idle",
        "           sha256:22222222 (latest): 1 idle, 1 a-state-of-tomorrow",
        "           sha256:11111111: 1 idle, 2 claimed",
        "  rollout  waiting: 2 agents are claimed and keep their image",
    ]


def test_a_database_that_the_pool_manager_misses_is_told() -> None:
    found = table(of_pool({**STATUS, "database": "database: connection refused"}))
    assert "           their database: database: connection refused" in found


def test_a_part_that_cannot_be_read_says_why_and_the_others_are_there() -> None:
    found = table(of_outputs(OUTPUTS), agents="pool-manager: http://h does not answer (ConnectionError)")
    assert "  agents        not read: pool-manager: http://h does not answer (ConnectionError)" in found
    assert "  environment   scaling of convos (e-1)" in found
    assert "  pool manager  SUCCESS (simulated run)" in found
    document = Report("scaling", {}, {"agents": "why"}).document()
    assert document == {"stack": "scaling", "unread": {"agents": "why"}}


def test_an_image_that_is_not_its_branchs_newest_says_so() -> None:
    image = of_outputs(OUTPUTS)["image"]
    at = "  image  scaling  sha256:22222222  revision 9f8e7d6  by follow, made 2026-03-01T10:00:00+00:00"
    newest = {**image, "branch": {"tag": "scaling", "digest": image["digest"]}}
    other = {**image, "branch": {"tag": "scaling", "digest": "sha256:" + "3" * 64}}
    assert table({"image": newest})[1:] == [at, "         newest of scaling: this one"]
    assert table({"image": other})[1:] == [at, "         newest of scaling: sha256:33333333, another one"]


def test_the_schema_says_what_is_newer_here_and_what_others_changed() -> None:
    behind = {"version": "0001", "newest": "0002", "drift": ["table notes: not ours"]}
    assert table({"schema": behind})[1:] == [
        "  schema  0001, newest here: 0002, 1 changes by others",
        "          table notes: not ours",
    ]
    clean = {"version": "0002", "newest": "0002", "drift": []}
    assert table({"schema": clean})[1] == "  schema  0002, the newest of this checkout, no drift"
    none_yet = {"version": "", "newest": "0002", "drift": []}
    assert table({"schema": none_yet})[1] == "  schema  none yet, newest here: 0002, no drift"


def test_drift_names_what_and_where_and_its_absence_is_told_too() -> None:
    pool = {"unmanaged": ["BY_HAND"], "changed": ["image", "XMTP_ENV"], "notRunning": ["XMTP_ENV"]}
    assert table({"drift": {"pool": pool, "canary": {"changed": ["it is gone"]}}})[1:] == [
        "  drift  canary: changed by others: it is gone",
        "         pool: changed by others: image, XMTP_ENV; set by others: BY_HAND; stored, but does not run: XMTP_ENV",
    ]
    assert table({"drift": {}})[1] == "  drift  none: Railway has, and runs, what the last update left"


def test_keys_are_grouped_by_state_missing_ones_first() -> None:
    keys = {"A": "set", "B": "default", "C": "missing (required)", "D": "set"}
    assert table({"keys": keys})[1:] == ["  keys   missing (required): C", "         default: B", "         set: A, D"]


def test_updates_name_what_changed_and_who_did_it() -> None:
    history = [
        {
            "kind": "update",
            "result": "succeeded",
            "endTime": "2026-03-01T10:00:00Z",
            "environment": {"git.author": "Ada"},
            "resourceChanges": {"same": 20, "update": 2},
        },
        {"kind": "destroy", "result": "failed", "startTime": "2026-02-01T10:00:00Z"},
    ]
    assert table({"updates": of_updates(history)})[1:] == [
        "  updates  2026-03-01T10:00:00Z  update  succeeded  2 update  Ada",
        "           2026-02-01T10:00:00Z  destroy  failed  no changes",
    ]
