"""`make local`, again, and what it leaves running; with real parts, and Docker where it runs."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.error
import urllib.request

import psycopg
import pytest

from convos_infra.schema.migration import latest_version
from tests import needs
from tests.stack.fix_stack import NO_PROXY, LocalStack

pytestmark = pytest.mark.stack
COLUMNS = [
    "id",
    "railway_service_id",
    "agent_name",
    "conversation_id",
    "invite_url",
    "instructions",
    "created_at",
    "claimed_at",
    "source_branch",
    "openrouter_key_hash",
    "agentmail_inbox_id",
]


def test_make_local_ends_with_a_table_of_what_runs_where(stack: LocalStack) -> None:
    lines = stack.first.text.splitlines()
    head = next(index for index, line in enumerate(lines) if re.match(r"\s*what\s+where\s+runs", line))
    table = "\n".join(lines[head : head + 8])
    for row in ("pool manager", "canary", "database", "Railway", "registry"):
        assert re.search(rf"^\s*{row}\s", table, re.MULTILINE), table
    if stack.outputs()["poolManager"]["mode"] == "container":
        assert re.search(r"^\s*agents\s+/api/pool/status\s+3 warm$", table, re.MULTILINE), table
    digest = stack.outputs()["image"]["digest"]
    assert digest[:15] in table
    assert f"schema {latest_version()}" in table
    assert "make down" in stack.first.text
    assert re.search(r"\d+ changes, 3 deployments, ", lines[-1])


def test_make_local_again_changes_nothing(stack: LocalStack) -> None:
    stack.cost()
    again = stack.make("local")
    assert again.code == 0, again.text
    assert re.match(r"0 changes, 0 deployments, ", again.text.splitlines()[-1]), again.text
    assert stack.cost() == []


def test_a_preview_of_no_change_asks_railway_nothing(stack: LocalStack) -> None:
    stack.emulator("/calls", "DELETE")
    done = stack.preview("--expect-no-changes")
    assert done.code == 0, done.text
    assert stack.calls() == []


def test_a_refresh_finds_no_drift_in_few_calls(stack: LocalStack) -> None:
    stack.emulator("/calls", "DELETE")
    done = stack.pulumi(
        "refresh", "--stack", "local", "--yes", "--non-interactive", "--color", "never", "--expect-no-changes"
    )
    assert done.code == 0, done.text
    assert len([call for call in stack.calls() if call["operation"] == "environment"]) <= 2


def test_the_database_has_the_table_with_the_missions_columns(stack: LocalStack) -> None:
    with psycopg.connect(stack.outputs()["database"]["url"]) as connection:
        rows = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'agent_metadata'"
        ).fetchall()
    assert sorted(row[0] for row in rows) == sorted(COLUMNS)


def test_canary_and_pool_manager_run_and_answer(stack: LocalStack) -> None:
    outputs = stack.outputs()
    if outputs["canary"]["mode"] != "container":
        needs.DOCKER.skip()  # runs are simulated, and say so
    with pytest.raises(urllib.error.HTTPError, match="401"):
        NO_PROXY.open(outputs["canary"]["url"] + "/pool/health", timeout=10)
    with NO_PROXY.open(outputs["poolManager"]["url"] + "/healthz", timeout=10) as answer:
        assert json.load(answer)["ok"] is True
    with NO_PROXY.open(urllib.request.Request(outputs["poolManager"]["url"] + "/"), timeout=10) as answer:
        assert outputs["image"]["digest"] in answer.read().decode()
    listed = stack.shell("docker", "ps", "--format", "{{.Names}} {{.Status}}").text
    for service in ("convos-runtime-canary", "convos-agent-pool-manager"):
        assert re.search(rf"convos-{service}-\w+ Up ", listed), listed


def test_the_log_of_a_service_goes_on_after_it_was_found_ready(stack: LocalStack) -> None:
    if stack.outputs()["canary"]["mode"] != "container":
        needs.DOCKER.skip()
    done = stack.shell("ops/run", "logs", "--stack", "local", "--service", "canary")
    assert re.search(r"^\d{4}-\d\d-\d\dT[0-9:.]{12}  pool-server: ready$", done.text, re.MULTILINE), done.text


def test_every_variable_reaches_the_pool_manager_without_a_prefix(stack: LocalStack) -> None:
    outputs = stack.outputs()
    snapshot = stack.emulator(f"/snapshot?environment={outputs['environment']['id']}")
    ids = {row["name"]: row["id"] for row in snapshot["service"]}
    variables = snapshot["config"]["services"][ids["convos-agent-pool-manager"]]["variables"]
    assert variables["RAILWAY_RUNTIME_IMAGE"]["value"] == outputs["image"]["reference"]
    assert {"DATABASE_URL", "OPENCLAW_PRIMARY_MODEL", "XMTP_ENV", "POOL_API_KEY"} <= set(variables)
    assert not [name for name in variables if name.startswith("INSTANCE_")]


def test_nothing_of_it_is_in_git(stack: LocalStack) -> None:
    done = subprocess.run(
        ["git", "status", "--porcelain"], cwd=stack.checkout, capture_output=True, text=True, check=True
    )
    changed = {line[3:] for line in done.stdout.splitlines() if line.startswith("??")}
    assert not [name for name in changed if name.startswith((".local", ".cache", ".venv"))]
