"""An update while it runs: its lines from Pulumi's event log and the providers' records, and what it did at the end."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ops.plan.happened import other_rows
from ops.plan.of_preview import PreviewContext, update_plan
from ops.plan.plan_rows import Mark, plan_rows
from ops.plan.update_plan import Fate, KeyPlan, UpdatePlan
from ops.progress.board import Board, LineState, announced
from ops.progress.drawn_board import DrawnBoard
from ops.progress.update_log import UpdateLog
from ops.progress.watched_update import UpdateFollower, diagnostics
from railway_api.progress import FILE_VARIABLE, WaitStage, record, say
from tests.workflows.test_text_from_outside import HOSTILE, STEERING

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
MASKED = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "[secret]"}
SERVICE, INSTANCE, WAIT = (
    f"pulumi-python:dynamic/railway:{name}" for name in ("Service", "ServiceInstance", "Deployment")
)
VOLUME, IMAGE = "pulumi-python:dynamic/railway:Volume", "pulumi-python:dynamic/registry:Image"


def event(moment: str, kind: str, name: str, op: str = "update", **inputs: Any) -> str:
    """Return a line of an event log, in the form that Pulumi 3.259 writes."""
    urn = f"urn:pulumi:local::convos-infra::convos:index:Canary${kind}::{name}"
    old, new = ({"urn": urn, "type": kind, "inputs": inputs.get(side, {})} for side in ("old", "new"))
    metadata = {"op": op, "urn": urn, "type": kind, "old": old, "new": new, "detailedDiff": None, "provider": "p"}
    return json.dumps({"sequence": 1, "timestamp": 1795773056, moment: {"metadata": metadata}})


def began(kind: str, name: str, op: str = "update", **inputs: Any) -> str:
    return event("resourcePreEvent", kind, name, op, **inputs)


def done(kind: str, name: str, op: str = "update", **inputs: Any) -> str:
    return event("resOutputsEvent", kind, name, op, **inputs)


class Run:
    """An update whose files grow, and whose clock is set by hand."""

    def __init__(self, folder: Path, board: Board) -> None:
        self.events, self.waits, self.now = folder / "events", folder / "waits", 0.0
        self.follower = UpdateFollower(UpdateLog(folder), board, lambda: self.now)

    def says(self, *lines: str, end: str = "\n") -> None:
        with self.events.open("a") as file:
            file.write("".join(f"{line}{end}" for line in lines))
        self.follower.board()

    def line(self, name: str) -> tuple[str, LineState, float | None]:
        found = self.follower.board().lines[name]
        return found.text, found.state, found.seconds(self.now)

    def drawn(self, height: int = 20, width: int = 80) -> list[str]:
        out = io.StringIO()
        console = Console(file=out, width=width, height=height, force_terminal=True, color_system=None)
        console.print(DrawnBoard(self.follower.board, lambda: self.now), end="")
        return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    found = Run(tmp_path, announced({"canary": 1, "pool": 1, "stored": 0}))
    monkeypatch.setenv(FILE_VARIABLE, str(found.waits))
    return found


def test_each_service_has_one_line_from_its_turn_to_its_end(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(run.follower.board().lines) == ["canary", "pool"]
    assert run.line("canary") == ("waits for its turn", LineState.WAITS, None)
    run.says(began(INSTANCE, "c", new={"service": "canary"}))
    run.now = 2.0
    assert run.line("canary") == ("configuration: update", LineState.RUNS, 2.0)
    run.says(done(INSTANCE, "c", new={"service": "canary"}), began(WAIT, "c", new={"service": "canary"}))
    run.now = 3.0
    run.follower.board()
    say(WaitStage("canary", "BUILDING -> DEPLOYING", 4.2))
    run.now = 9.0
    assert run.line("canary") == ("BUILDING -> DEPLOYING", LineState.RUNS, 7.0)
    run.says(done(WAIT, "c", new={"service": "canary"}))
    assert run.line("canary") == ("BUILDING -> DEPLOYING", LineState.DONE, 7.0)
    run.now = 99.0
    assert run.line("canary")[2] == 7.0
    assert run.drawn() == ["  + canary    7 s BUILDING -> DEPLOYING", "    pool          waits for its turn"]
    # The line for people is what it always was.
    assert capsys.readouterr().err == "canary: BUILDING -> DEPLOYING, 4 s\n"


def test_trouble_is_the_last_log_line_and_stays(run: Run) -> None:
    run.says(began(WAIT, "c", new={"service": "canary"}))
    run.follower.board()
    record("canary", "CRASHED: cannot reach the database")
    run.now = 5.0
    run.says(event("resOpFailedEvent", WAIT, "c", new={"service": "canary"}))
    assert run.line("canary") == ("CRASHED: cannot reach the database", LineState.FAILED, 5.0)
    run.says(began(WAIT, "c", "same"), done(WAIT, "c", "same"))
    assert run.drawn()[0] == "  - canary    5 s CRASHED: cannot reach the database"


def test_a_step_that_fails_without_a_wait_says_why(run: Run) -> None:
    run.says(began(INSTANCE, "c", new={"service": "canary"}))
    urn = json.loads(began(INSTANCE, "c"))["resourcePreEvent"]["metadata"]["urn"]
    said = {"severity": "error", "urn": urn, "message": "update failed: canary: Not Authorized\nmore"}
    run.says(event("resOpFailedEvent", INSTANCE, "c", new={"service": "canary"}), json.dumps({"diagnosticEvent": said}))
    assert run.line("canary")[:2] == ("update failed: canary: Not Authorized", LineState.FAILED)
    run.says(*(json.dumps({"diagnosticEvent": one}) for one in ({**said, "urn": "urn:other"}, {"urn": urn})))
    assert run.line("canary")[0] == "update failed: canary: Not Authorized"


def test_several_steps_of_one_service_at_once_are_one_line(run: Run) -> None:
    run.says(began(SERVICE, "c", "create", new={"name": "canary"}))
    run.says(began(INSTANCE, "c", "create", new={"service": "canary"}))
    run.now = 1.0
    run.says(done(SERVICE, "c", "create", new={"name": "canary"}))
    assert run.line("canary")[1] is LineState.RUNS
    run.says(done(INSTANCE, "c", "create", new={"service": "canary"}))
    assert run.line("canary") == ("configuration: create", LineState.DONE, 1.0)


def test_what_is_not_ours_or_changes_nothing_has_no_line(run: Run) -> None:
    run.says(
        began("pulumi:providers:pulumi-python", "default"),
        began("convos:index:Canary", "canary-component", "create"),
        began(INSTANCE, "other", "same", new={"service": "other"}),
        "not json",
        "[]",
        '{"resourcePreEvent": 7}',
        "\udcff".encode("utf-8", "replace").decode(),
    )
    assert list(run.follower.board().lines) == ["canary", "pool"]


def test_half_a_line_is_read_once_it_is_whole(run: Run) -> None:
    line = began(INSTANCE, "c", new={"service": "canary"})
    run.says(line[:50], end="")
    assert run.line("canary")[1] is LineState.WAITS
    run.says(line[50:])
    assert run.line("canary")[1] is LineState.RUNS


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_of_others_steer_no_terminal(run: Run, text: str) -> None:
    run.says(began(INSTANCE, "c", new={"service": "canary"}))
    run.follower.board()
    record("canary", text)
    run.says(began(WAIT, "x", new={"service": text or "x"}))
    found = run.drawn()
    assert len(found) >= 2
    assert not set("".join(found)) & STEERING


def test_a_small_terminal_shows_what_runs_and_counts_the_rest(run: Run) -> None:
    run.says(*(began(INSTANCE, f"s{n}", new={"service": f"s{n}"}) for n in range(50)))
    run.says(*(done(INSTANCE, f"s{n}", new={"service": f"s{n}"}) for n in range(48)))
    found = run.drawn(height=6)
    assert [line.split()[1] for line in found[:2]] == ["s48", "s49"]
    assert found[-1] == "… 52 lines, 48 done"
    assert len(found) == 5


def test_a_long_error_leaves_room_for_the_name(run: Run) -> None:
    run.says(began(INSTANCE, "c", new={"service": "canary"}))
    record("canary", "CRASHED: " + "no room " * 50)
    assert run.drawn(width=60)[0].startswith("  > canary    0 s CRASHED: no room")
    assert len(run.drawn(width=60)) == 2


def test_without_a_file_nothing_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    record("canary", "x")
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "missing" / "file"))
    record("canary", "x")
    assert list(tmp_path.iterdir()) == []


KEY = {"service": "canary", "variables": {"KEY": MASKED}, "change": {"number": 2, "deployments": 1, "because": ["KEY"]}}


def test_the_end_has_the_rows_of_the_plan_and_says_what_was_not_done(run: Run) -> None:
    steps = [
        (INSTANCE, "canary", "update", {"old": {"service": "canary", "variables": {"KEY": MASKED}}, "new": KEY}),
        (VOLUME, "data", "create", {"new": {"name": "data"}}),
        (
            IMAGE,
            "runtime",
            "update",
            {"old": {"digest": "sha256:1", "tag": "a"}, "new": {"digest": "sha256:2", "tag": "b"}},
        ),
    ]
    for kind, name, op, inputs in steps:
        run.says(done(kind, name, op, **inputs))
    whole = update_plan("local", run.follower.document(), PreviewContext())
    assert [(row.label, row.text) for row in other_rows(whole, whole, NOW)] == [
        (row.label, row.text) for row in plan_rows(whole, NOW) if row.text.partition(":")[0] != "canary"
    ]
    assert [row.text for row in other_rows(whole, whole, NOW)] == [
        "runtime: a → b, sha256:1 → sha256:2",
        "changed: KEY of canary",
        "volume data",
    ]
    nothing = update_plan("local", {"steps": []}, PreviewContext())
    missed = other_rows(whole, nothing, NOW)
    assert [row.text for row in missed] == [
        "runtime: a → b, sha256:1 → sha256:2: not done",
        "changed: KEY of canary: not done",
        "volume data: not done",
    ]
    assert {row.mark for row in missed} == {Mark.LOST}


def test_a_key_that_reached_one_of_two_services_is_missing_at_the_other() -> None:
    planned = UpdatePlan("local", keys=(KeyPlan("KEY", Fate.NEW, ("canary", "pool")),))
    done = UpdatePlan("local", keys=(KeyPlan("KEY", Fate.NEW, ("canary",)),))
    told = [row.text for row in other_rows(planned, done, NOW)]
    assert told == ["new: KEY of canary", "new: KEY of pool: not done"]


def test_after_a_failure_the_words_of_pulumi_are_what_is_left_on_the_screen() -> None:
    text = "Updating (local):\n ~ a\nDiagnostics:\n  error: canary: CRASHED\n\nResources:\n"
    assert diagnostics(text) == "  error: canary: CRASHED\n"
    assert diagnostics("error: no stack\n") == "error: no stack\n"
