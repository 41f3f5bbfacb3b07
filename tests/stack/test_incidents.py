"""Incidents of pins, keys, tokens and locks, solved by the commands of docs/incidents.md alone: `make incidents`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.stack.fix_stack import LocalStack
from tests.stack.incident_page import PAGE, IncidentPage, all_well
from tests.stack.test_destroy import ask

pytestmark = pytest.mark.stack
minutes_long = pytest.mark.minutes_long("make incidents", asked=os.environ.get("INCIDENTS") == "1")
CLAIM = """
from ops.demo.stage import Stage
print("claimed", Stage("local").pool().claim("Ada", "Be brief."))
"""
UPSERT = "mutation u($input: VariableUpsertInput!) { variableUpsert(input: $input) }"
OLD, NEW = "exa-of-the-leak", "exa-of-today"


def agents(stack: LocalStack) -> list[dict[str, Any]]:
    done = stack.shell("sh", "-c", "exec ops/run agents --stack local --json 2>/dev/null")
    assert done.code == 0, done.text
    found: list[dict[str, Any]] = json.loads(done.text)["status"]["instances"]
    return found


def claimed(stack: LocalStack) -> str:
    done = stack.shell(".venv/bin/python", "-c", CLAIM, env={"PYTHONPATH": "."})
    assert done.code == 0, done.text
    return done.text.split()[-1]


def has_containers(stack: LocalStack) -> bool:
    return bool(stack.outputs()["poolManager"]["mode"] == "container")


@contextmanager
def in_env(stack: LocalStack, line: str) -> Iterator[None]:
    """Have a line at the end of `.local/env`, which every command for the stack `local` reads."""
    file = stack.checkout / ".local" / "env"
    before = file.read_text()
    file.write_text(f"{before}\n{line}\n")
    try:
        yield
    finally:
        file.write_text(before)


def test_every_section_that_says_so_is_played_here() -> None:
    said = [part.partition("\n")[0] for part in PAGE.split("\n## ")[1:] if "Played by a test" in part]
    files = sorted(Path(__file__).parent.glob("test_incidents*.py"))
    mine = "".join(file.read_text(encoding="utf-8") for file in files)
    assert len(said) == 10
    assert [title for title in said if f'"{title}"' not in mine] == []


def test_an_expired_token_is_named_in_one_row_and_changes_nothing(stack: LocalStack, page: IncidentPage) -> None:
    with in_env(stack, "export RAILWAY_API_TOKEN=expired-token"):
        stack.emulator("/calls", "DELETE")
        (done,) = page.play("A token has expired or was revoked")
    assert done.code == 2, done.text
    assert re.search(
        r"Railway's token +wrong +railwayToken: .*the token is wrong or revoked; use an account", done.text
    )
    assert re.search(r"backend +ok ", done.text)
    assert re.search(r"pool manager +not asked ", done.text)
    assert "expired-token" not in done.text
    assert {call["type"] for call in stack.calls()} <= {"query"}


@minutes_long
def test_a_wrong_pin_is_taken_back_and_agents_follow(stack: LocalStack, page: IncidentPage) -> None:
    good = stack.outputs()["image"]
    wrong = stack.push_image("0badbad" + "0" * 33)
    stack.set("imageTag", wrong)
    assert stack.up().code == 0
    if has_containers(stack):
        mine = claimed(stack)
        done = page.play("A bad image under agents", **{"<id>": mine})
        all_well(done)
        # Another incident on the same stack may have left a claimed agent, which nobody has moved.
        moved = [one for one in agents(stack) if one["state"] == "idle" or one["id"] == mine]
        assert len(moved) > 1
        assert all(one["latest"] for one in moved)
    done = page.play("The wrong commit is pinned", **{"sha-1a2b3c4": good["tag"]})
    all_well(done)
    assert wrong in done[0].text, "history says what was pinned"
    assert good["tag"] in done[1].text
    assert wrong in done[1].text
    assert stack.outputs()["image"]["digest"] == good["digest"]
    if has_containers(stack):
        assert stack.shell("make", "agents", "STACK=local", f"END={mine}", "CLAIMED=yes").code == 0
        all_well(page.play("A bad image under agents", "<id>"))
    typo = stack.pulumi("config", "set", "imageTag", good["tag"][:-1] + "0", "--stack", "local")
    assert typo.code == 0
    refused = stack.preview()
    assert refused.code != 0
    assert good["tag"] in refused.text, "the nearest tag is named"


@minutes_long
def test_a_leaked_key_is_gone_everywhere(stack: LocalStack, page: IncidentPage) -> None:
    stack.set("keys.EXA_API_KEY", OLD, "--secret", "--path")
    assert stack.up().code == 0
    mine = ""
    if has_containers(stack):
        all_well([stack.shell("make", "agents", "STACK=local", "MOVE=idle")])
        mine = claimed(stack)
    (stack.checkout / "new-key").write_text(f"{NEW}\n")
    rotated, listed, finished = page.play("A key has leaked")
    assert rotated.code == (2 if mine else 0), rotated.text
    assert (f"does not have the new value: agent {mine} (claimed, Ada)" in rotated.text) == bool(mine)
    assert ("variable EXA_API_KEY" in rotated.text) == bool(mine)
    assert listed.code == 0 or not mine
    assert finished.code == 0, finished.text
    assert "nothing" in finished.text
    assert OLD not in "".join(stack.printed)
    assert NEW not in "".join(stack.printed)
    snapshot = json.dumps(stack.emulator(f"/snapshot?environment={stack.outputs()['environment']['id']}")["config"])
    assert OLD not in snapshot
    assert NEW in snapshot
    if mine:
        assert stack.shell("make", "agents", "STACK=local", f"END={mine}", "CLAIMED=yes").code == 0


@minutes_long
def test_a_killed_update_leaves_a_lock_that_is_named_and_taken_away(stack: LocalStack, page: IncidentPage) -> None:
    locks = stack.checkout / ".local" / "state" / ".pulumi" / "locks" / "organization" / "convos-infra" / "local"
    argv = ["/bin/sh", "-c", ". .local/env; exec pulumi refresh --yes --stack local --non-interactive"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(argv, cwd=stack.checkout, start_new_session=True, **quiet)
    end = time.monotonic() + 60
    while not list(locks.glob("*.json")):
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert "the stack is currently locked" in stack.up().text
    looked, *solved = page.play("An update was killed, and the stack is locked")
    assert looked.code == 2
    assert f"process {process.pid}, since 20" in looked.text
    all_well(solved)
    assert stack.shell("make", "doctor", "STACK=local").code == 0


@minutes_long
def test_a_change_in_the_dashboard_is_seen_and_put_back(stack: LocalStack, page: IncidentPage) -> None:
    outputs = stack.outputs()
    where = outputs["environment"]
    status = stack.shell("sh", "-c", "exec ops/run status --stack local --json 2>/dev/null")
    service = next(row for row in json.loads(status.text)["services"] if row["role"] == "canary")["serviceId"]
    at = {"projectId": where["projectId"], "environmentId": where["id"], "serviceId": service}
    value = {**at, "name": "XMTP_ENV", "value": "of-somebody-else"}
    ask(stack, outputs["railway"]["endpoint"], UPSERT, input=value)
    seen, *solved = page.play("Somebody changed something in the dashboard")
    assert seen.code == 2
    assert "XMTP_ENV" in seen.text
    assert "of-somebody-else" not in seen.text
    all_well(solved)
    config = stack.emulator(f"/snapshot?environment={where['id']}")["config"]["services"][service]["variables"]
    assert config["XMTP_ENV"]["value"] == "dev"


@minutes_long
def test_lost_rows_come_back_from_a_backup(stack: LocalStack, page: IncidentPage) -> None:
    mine = claimed(stack) if has_containers(stack) else ""
    (stack.checkout / "backup.dump").unlink(missing_ok=True)  # a daily command has made one on the same stack
    saved = stack.shell("make", "backup", "STACK=local", "TO=backup.dump")
    assert saved.code == 0, saved.text
    url = stack.outputs()["database"]["url"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DELETE FROM agent_metadata")
    done = page.play("Data was lost in the database")
    all_well(done)
    assert "the scratch database is dropped again" in done[0].text
    assert url not in "".join(one.text for one in done)
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT id FROM agent_metadata").fetchall()
        names = connection.execute("SELECT datname FROM pg_database").fetchall()
    assert rows == ([(mine,)] if mine else [])
    assert not [name for (name,) in names if name.startswith("convos_restore_drill_")]
    if mine:
        assert stack.shell("make", "agents", "STACK=local", f"END={mine}", "CLAIMED=yes").code == 0
