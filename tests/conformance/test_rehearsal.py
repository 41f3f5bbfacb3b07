"""A run on the real Railway, rehearsed: another emulator stands in for it, with ten differences; and runs are killed.

CONFORMANCE_KILLS=10 kills at every tenth call of a whole run, which takes some minutes. CONFORMANCE_SEEDS=1,2,3 plays
other ten differences for each seed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ops.conformance.command import main
from ops.conformance.marked import left_over, sweep
from ops.conformance.own_emulator import SETTINGS, own_emulator
from ops.conformance.play import RunPace, play
from ops.conformance.report import ConformanceReport
from ops.conformance.scenarios import ALL
from ops.pulumi_cli import CHECKOUT
from railway_api.client import Client
from tests.conformance.other_railway import DIFFERENCES, WAYS, settings_of, ten
from tests.emulator.fix_emulator import until

PACE = RunPace(patience_seconds=0.5, seconds_between=0.0)
SEEDS = [int(word) for word in os.environ.get("CONFORMANCE_SEEDS", "0").split(",")]
EVERY = int(os.environ.get("CONFORMANCE_KILLS", "0"))
CALLS = 450
"""At least as many as a whole run makes."""
KILLED_AT = range(EVERY, CALLS, EVERY) if EVERY else (1, 2, 3, 4, 6, 8, 10, 40, 150)


@pytest.mark.parametrize("seed", SEEDS)
def test_exactly_the_ten_seeded_differences_are_found(
    seed: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ten(seed)
    assert len(set(names)) == 10
    monkeypatch.setenv(WAYS, ",".join(names))
    monkeypatch.setattr("ops.conformance.command.RunPace", lambda: PACE)
    with own_emulator(tmp_path, {**SETTINGS, **settings_of(names)}, "tests.conformance.other_railway") as (
        where,
        token,
    ):
        monkeypatch.setenv("RAILWAY_API_TOKEN", token)
        monkeypatch.setenv("RAILWAY_ENDPOINT", where)
        assert main(["--real", "--yes", f"--report={tmp_path / 'report.json'}"]) == 1
        assert left_over(Client(where, token)) == []
    report = ConformanceReport.model_validate_json((tmp_path / "report.json").read_text())
    found = {one.scenario for one in report.findings if one.verdict == "differs"}
    assert found == set().union(*(DIFFERENCES[name].scenarios for name in names)), names
    assert {one.verdict for one in report.findings} == {"differs", "same"}
    assert [one.verdict for one in report.findings][: len(found)] == ["differs"] * len(found), "differences first"
    assert f"{len(found)} differs, 0 failed" in capsys.readouterr().out
    calls = sum(len(one.calls) for one in report.findings)
    assert CALLS * 0.7 < calls < CALLS, "the kills go to the end of a run"


class Killed(BaseException):
    """The process is gone: nothing that it had meant to do afterwards happens."""


class Mortal(Client):
    """A client whose process is killed at one of its calls."""

    def __init__(self, client: Client, killed_at: int) -> None:
        super().__init__(client.endpoint, client._token)
        self.left = killed_at

    def query(self, document: str, variables: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Count, then ask."""
        self._count()
        return super().query(document, variables, **more)

    def mutate_once(self, document: str, variables: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Count, then ask; the call at which the process is killed has been carried out."""
        answer = super().mutate_once(document, variables, **more)
        self._count()
        return answer

    def _count(self) -> None:
        self.left -= 1
        if self.left <= 0:
            raise Killed


@pytest.mark.parametrize("killed_at", KILLED_AT)
def test_a_killed_run_leaves_nothing_after_the_next(client: Client, killed_at: int) -> None:
    mortal = Mortal(client, killed_at)
    try:
        play(mortal, ALL, PACE)
    except Killed:
        pass
    else:
        assert killed_at > CALLS * 0.7, "only the last kills come after the end of a run"
    left = left_over(client)
    assert len(left) == 1 or killed_at <= 3 or killed_at > CALLS * 0.7
    play(client, ALL[:1], PACE)
    assert left_over(client) == []


@pytest.mark.parametrize(("sign", "left"), [(signal.SIGINT, 0), (signal.SIGKILL, 1)])
def test_a_signal_in_the_middle(client: Client, tmp_path: Path, sign: signal.Signals, left: int) -> None:
    env = {**os.environ, "RAILWAY_API_TOKEN": client._token, "RAILWAY_ENDPOINT": client.endpoint}
    command = [sys.executable, "-m", "ops", "conformance", "--real", "--yes", f"--report={tmp_path / 'report.json'}"]
    with subprocess.Popen(command, cwd=CHECKOUT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        until(lambda: left_over(client), 60)
        run.send_signal(sign)
        assert run.wait(60) != 0
    assert len(left_over(client)) == left
    assert len(sweep(client)) == left
    assert left_over(client) == []
