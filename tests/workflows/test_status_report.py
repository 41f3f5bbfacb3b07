"""The page about a stack: what it shows, what it never shows, and that nothing is called fine that is not."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from convos_infra.railway.running import Condition
from ops.pulumi_cli import forget_unfinished
from ops.status.compare import of_history
from ops.status.finding import FindingKind
from ops.status.keys import Key
from ops.status.recorded import Role, parsed
from ops.status.report import Part, Report, Told, last_update, of_outputs, of_pool, of_updates
from ops.status.rows import rows
from ops.status.services import ServiceNow
from ops.status.source import Remembered
from ops.status.terminal import lines
from tests.workflows.status_parts import (
    CLEAR,
    ENVIRONMENT,
    LOCK,
    NEW,
    OLD,
    OUTPUTS,
    SCHEMA,
    SERVES,
    STATUS,
    UPDATED,
    deployment,
    red,
    report,
    service,
    table,
)


def test_every_row_of_the_present_says_when_and_whom_it_asked() -> None:
    found = lines(rows(report({Part.ENVIRONMENT: ENVIRONMENT, Part.SERVICES: [SERVES]})))
    assert found == [
        "  stack        scaling",
        "  environment  scaling of convos (e-1)  [asked Railway 18:40:02Z]",
        (
            "  canary       SUCCESS  sha256:22222222  since 2026-03-01T10:00:00Z  https://canary.example"
            "  [asked Railway 18:40:02Z]"
        ),
    ]


def test_what_is_remembered_says_as_of_which_update() -> None:
    image = of_outputs(OUTPUTS)
    page = Report("scaling", {Part.IMAGE: Told(image, Remembered("2026-03-01T10:00:00Z"))})
    assert lines(rows(page))[1].endswith("  [as of the last update (2026-03-01T10:00:00Z)]")
    assert page.document()["sources"] == {"image": {"lastUpdate": "2026-03-01T10:00:00Z"}}
    assert last_update([{"kind": "refresh", "result": "succeeded", "at": "3"}, *UPDATED], "w") == "t"
    assert last_update([{"kind": "update", "result": "failed", "at": "3"}], "w") == "w"


def test_no_secret_of_the_outputs_gets_in() -> None:
    page = report({Part.IMAGE: of_outputs(OUTPUTS), Part.KEYS: (Key("BANKR_API_KEY", "set"),)})
    assert "S3CRET" in json.dumps(OUTPUTS)
    assert "S3CRET" not in json.dumps(page.document()) + "\n".join(lines(rows(page)))
    assert page.document()["image"]["tag"] == "scaling"


def test_agents_are_counted_by_image_and_state_the_latest_image_first() -> None:
    agents, rollout = of_pool(STATUS)
    assert table({Part.AGENTS: agents, Part.ROLLOUT: rollout}) == [
        "  agents   5 agents: 2 on the latest image, 3 behind; 2 are kept idle",
        "           sha256:22222222 (latest): 1 idle, 1 a-state-of-tomorrow",
        "           sha256:11111111: 1 idle, 2 claimed",
        "           1 idle on another image than the latest: the next claims get them",
        "  rollout  waiting: 2 agents are claimed and keep their image",
    ]


@pytest.mark.parametrize(
    ("behind", "keys", "expected"),
    [(3, 0, "3 behind"), (3, 3, "3 behind (keys)"), (3, 1, "3 behind (2 image, 1 keys)"), (0, 0, "0 behind")],
)
def test_agents_that_are_behind_say_whether_it_is_their_keys(behind: int, keys: int, expected: str) -> None:
    counted = {"latest": 5 - behind, "behind": behind, "behindKeys": keys}
    agents, _ = of_pool({**STATUS, "counts": counted})
    as_new = "up to date" if keys else "on the latest image"
    assert f"{5 - behind} {as_new}, {expected}; 2 are kept idle" in table({Part.AGENTS: agents})[0]


def test_the_agents_of_another_pool_manager_are_counted_by_state_and_no_image_is_made_up() -> None:
    instances = [{"id": str(number), "status": state} for number, state in enumerate(("idle", "claimed", "idle"))]
    agents, rollout = of_pool({"counts": {"idle": 2}, "instances": instances})
    assert table({Part.AGENTS: agents, Part.ROLLOUT: rollout}) == [
        "  agents   3 agents: 1 claimed, 2 idle; this pool manager does not tell their images",
        "  rollout  held: this pool manager has no rollouts",
    ]
    assert of_pool({"instances": []})[0]["total"] == 0


@pytest.mark.parametrize("status", [{}, {"counts": {"idle": 2}}, {"agents": None}, {"instances": "none"}])
def test_a_status_that_lists_nobody_is_not_taken_for_no_agents(status: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="it lists no agents"):
        of_pool(status)


def test_a_part_that_cannot_be_read_says_why_and_the_others_are_there() -> None:
    page = report({Part.ENVIRONMENT: ENVIRONMENT}, agents="pool-manager: http://h does not answer")
    assert not page.is_fine
    assert lines(rows(page))[2] == "  agents       not read: pool-manager: http://h does not answer"
    assert page.document()["unread"] == {"agents": "pool-manager: http://h does not answer"}


def test_an_image_that_is_not_its_branchs_newest_says_so() -> None:
    digest = NEW.partition("@")[2]
    same = {"tag": "scaling", "digest": digest, "deployed": digest}
    other = {**same, "digest": "sha256:" + "3" * 64}
    assert table({Part.IMAGE: of_outputs(OUTPUTS), Part.NEWEST: same}) == [
        "  image         scaling  sha256:22222222  revision 9f8e7d6  by follow, made 2026-03-01T10:00:00+00:00",
        "  newest image  scaling: this one",
    ]
    assert table({Part.NEWEST: other}) == ["  newest image  scaling: sha256:33333333, another one"]


@pytest.mark.parametrize(
    ("shown", "expected", "is_red"),
    [
        (SERVES, "SUCCESS  sha256:22222222  since 2026-03-01T10:00:00Z  https://canary.example", False),
        (service(Condition.CRASHED, "CRASHED", None), "CRASHED, nothing runs", True),
        (service(Condition.REMOVED, "REMOVED", None), "REMOVED, nothing runs", True),
        (service(Condition.NEVER_DEPLOYED, "", None), "never deployed, nothing runs", True),
        (
            service(Condition.FAILED, "FAILED", deployment("SUCCESS", OLD)),
            "FAILED, still runs: sha256:11111111  since 2026-03-01T10:00:00Z",
            True,
        ),
        (
            service(Condition.UNDER_WAY, "BUILDING", deployment("SUCCESS", OLD)),
            "BUILDING, still runs: sha256:11111111  since 2026-03-01T10:00:00Z",
            True,
        ),
        (service(Condition.UNKNOWN, "TOMORROW", None), "TOMORROW, nothing runs", True),
        (
            dataclasses.replace(SERVES, running=None, url=""),
            "GONE: Railway does not have it any more",
            True,
        ),
    ],
)
def test_a_services_row_says_what_runs_and_is_red_where_it_does_not(
    shown: ServiceNow, expected: str, is_red: bool
) -> None:
    assert table({Part.SERVICES: [shown]}) == [f"  canary  {expected}"]
    assert bool(red({Part.SERVICES: [shown]})) is is_red


def test_services_stand_in_the_order_of_the_system_and_others_by_their_names() -> None:
    found = [dataclasses.replace(SERVES, name=name, role=role) for name, role in [("z", None), ("d", Role.DATABASE)]]
    labels = [row.label for row in rows(report({Part.SERVICES: [*found, SERVES]}))]
    assert labels == ["stack", "canary", "database service", "z"]


UNFINISHED_STEP = "records what is there, and the next pulumi up finds or makes the rest"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (CLEAR, "none under way, none cut"),
        (
            {**CLEAR, "locks": [LOCK]},
            (
                "an update was cut: lock of ada@laptop, process 7, since 2026-03-01T18:00:00Z, which has ended; "
                "pulumi cancel --stack scaling"
            ),
        ),
        (
            {**CLEAR, "locks": [{**LOCK, "isAlive": True}]},
            "an update is under way: lock of ada@laptop, process 7, since 2026-03-01T18:00:00Z",
        ),
        (
            {**CLEAR, "locks": [{**LOCK, "isAlive": None}]},
            (
                "an update is under way or was cut: lock of ada@laptop, process 7, since 2026-03-01T18:00:00Z; "
                "if none runs there: pulumi cancel --stack scaling"
            ),
        ),
        (
            {**CLEAR, "inProgress": True},
            "an update is under way or was cut, says the backend; if none runs: pulumi cancel --stack scaling",
        ),
        (
            {**CLEAR, "unfinished": [{"operation": "creating", "resource": "Volume postgres"}]},
            f"not finished: creating Volume postgres; {forget_unfinished('scaling')} {UNFINISHED_STEP}",
        ),
    ],
)
def test_an_update_that_is_under_way_or_was_cut_has_a_row(value: dict[str, Any], expected: str) -> None:
    assert table({Part.UPDATE: value}) == [f"  update  {expected}"]
    assert report({Part.UPDATE: value}).is_fine is (value == CLEAR)


def test_a_backend_that_shows_no_locks_is_not_said_to_have_none() -> None:
    (row,) = table({Part.UPDATE: {**CLEAR, "locksAreShown": False}})
    assert row.endswith("as far as the state shows: this backend does not show its locks")


def test_the_schema_says_what_is_newer_here_and_what_others_changed() -> None:
    behind = {**SCHEMA, "version": "0001", "recorded": "0001", "drift": ["table notes: not ours"]}
    assert table({Part.SCHEMA: behind}) == [
        "  schema  0001, newest here: 0002, 1 change by others",
        "          table notes: not ours",
    ]
    assert table({Part.SCHEMA: SCHEMA}) == ["  schema  0002, the newest of this checkout, no drift"]
    assert table({Part.SCHEMA: {**SCHEMA, "recorded": "0001"}})[1:] == [
        "          the last update left 0001: somebody else migrated it since"
    ]


def test_keys_are_grouped_by_state_missing_ones_first() -> None:
    keys = (Key("A", "set"), Key("B", "default"), Key("C", "missing (required)", is_missing=True), Key("D", "set"))
    assert table({Part.KEYS: keys}) == [
        "  keys   missing (required): C",
        "         default: B",
        "         set: A, D",
    ]
    assert report({Part.KEYS: keys}).document()["keys"]["C"] == "missing (required)"


def test_updates_name_what_changed_and_who_did_it() -> None:
    history = [
        {
            "kind": "update",
            "result": "succeeded",
            "endTime": "2026-03-01T10:00:00Z",
            "environment": {"git.author": "Ada", "ci.system": "GitHub Actions", "ci.build.number": "7"},
            "resourceChanges": {"same": 20, "update": 2},
        },
        {"kind": "destroy", "result": "failed", "startTime": "2026-02-01T10:00:00Z"},
    ]
    assert table({Part.UPDATES: of_updates(history)}) == [
        "  updates  2026-03-01T10:00:00Z  update  succeeded  2 update  GitHub Actions 7",
        "           2026-02-01T10:00:00Z  destroy  failed  no changes  a shell",
    ]


REFRESHED = {"kind": "refresh", "result": "succeeded", "at": "r", "by": "", "changes": {"update": 1}}


@pytest.mark.parametrize(
    ("updates", "is_told"),
    [
        ([], False),
        ([REFRESHED, *UPDATED], True),
        ([{**REFRESHED, "changes": {}}, *UPDATED], False),
        ([*UPDATED, REFRESHED], False),
        ([{**UPDATED[0], "result": "failed"}, REFRESHED, *UPDATED], True),
        ([{**REFRESHED, "changes": {}}, REFRESHED, *UPDATED], True),
    ],
)
def test_what_a_refresh_recorded_since_the_last_update_is_not_what_that_left(
    updates: list[dict[str, Any]], is_told: bool
) -> None:
    found = of_history(updates)
    assert [one.kind for one in found] == [FindingKind.REFRESHED] * is_told
    assert report({Part.DRIFT: found}).is_fine is not is_told


def test_a_state_gives_its_resources_by_component_and_the_operations_that_did_not_end() -> None:
    instance = "pulumi-python:dynamic/railway:ServiceInstance"
    urn = f"urn:pulumi:s::convos-infra::convos:index:PoolManager${instance}::pool"
    mark = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"S3CRET"'}
    row = {"type": instance, "urn": urn, "id": "i", "outputs": {"variables": {"KEY": mark}}}
    stack = {"type": "pulumi:pulumi:Stack", "urn": "u", "outputs": {"a": 1}}
    cut = {"resource": {"urn": urn}, "type": "updating"}
    found = parsed({"deployment": {"resources": [stack, row, {**row, "delete": True}], "pending_operations": [cut]}})
    assert [one.role for one in found.resources] == [Role.POOL_MANAGER]
    assert found.resources[0].values == {"variables": {"KEY": "S3CRET"}}
    assert found.unfinished == (("updating", "ServiceInstance pool"),)
    assert found.outputs == {"a": 1}
    assert "S3CRET" not in repr(found)
    assert not parsed({}).is_deployed
