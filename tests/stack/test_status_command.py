"""`make status STACK=local` on a stack that lives: everything is read, and what cannot be says so."""

from __future__ import annotations

import json

import pytest

from tests.stack.fix_stack import LocalStack
from tests.stack.test_destroy import ask

pytestmark = pytest.mark.stack
CANARY = "convos-runtime-canary"
PARTS = {
    "stack",
    "environment",
    "image",
    "canary",
    "poolManager",
    "agents",
    "schema",
    "drift",
    "keys",
    "updates",
    "unread",
}


def test_the_page_shows_image_agents_schema_and_keys_and_no_secret(stack: LocalStack) -> None:
    done = stack.shell("make", "status", "STACK=local")
    assert done.code == 0, done.text
    outputs = stack.outputs()
    assert outputs["image"]["digest"][:15] in done.text
    assert "0002, the newest of this checkout, no drift" in done.text
    assert "OPENCLAW_PRIMARY_MODEL" in done.text
    assert "openrouter/anthropic" not in done.text
    assert outputs["poolManager"]["apiKey"] not in done.text
    if outputs["poolManager"]["mode"] == "container":
        assert "3 agents: 3 on the latest image, 0 behind; 3 are kept idle" in done.text


def test_scripts_get_the_same_as_json(stack: LocalStack) -> None:
    done = stack.shell("sh", "-c", "exec python -m ops.status.command --stack local --json 2>/dev/null")
    assert done.code == 0, done.text
    found = json.loads(done.text)
    assert set(found) - {"rollout"} == PARTS
    assert found["unread"] == {}
    assert found["schema"] == {"version": "0002", "newest": "0002", "drift": []}
    assert found["drift"] == {}
    assert found["updates"][0]["result"] == "succeeded"
    if found["poolManager"]["mode"] == "container":
        (image,) = found["agents"]["byImage"]
        assert image == {"image": found["image"]["reference"], "latest": True, "states": {"idle": 3}}


UPSERT = "mutation u($input: VariableUpsertInput!) { variableUpsert(input: $input) }"
STORE = """mutation p($environment: String!, $patch: EnvironmentConfig) {
  environmentPatchCommit(environmentId: $environment, patch: $patch, skipDeploys: true)
}"""


def test_what_others_changed_on_railway_is_named_without_its_value(stack: LocalStack) -> None:
    outputs = stack.outputs()
    endpoint, where = outputs["railway"]["endpoint"], outputs["environment"]
    snapshot = stack.emulator(f"/snapshot?environment={where['id']}")
    living = snapshot["config"]["services"]
    service = next(row["id"] for row in snapshot["service"] if row["name"] == CANARY and row["id"] in living)
    at = {"projectId": where["projectId"], "environmentId": where["id"], "serviceId": service}
    try:
        for name, value in (("XMTP_ENV", "of-somebody-else"), ("BY_HAND", "of-somebody-else")):
            ask(stack, endpoint, UPSERT, input={**at, "name": name, "value": value, "skipDeploys": True})
        stack.emulator("/calls", "DELETE")
        done = stack.shell("sh", "-c", "exec python -m ops.status.command --stack local --json 2>/dev/null")
        assert done.code == 0, done.text
        assert json.loads(done.text)["drift"] == {
            CANARY: {"changed": ["XMTP_ENV"], "unmanaged": ["BY_HAND"], "notRunning": ["XMTP_ENV"]}
        }
        assert "of-somebody-else" not in done.text
        assert len(stack.calls()) <= 3
        assert {call["type"] for call in stack.calls()} == {"query"}
    finally:
        # Not variableDelete, which deploys: the canary would then answer elsewhere than the outputs say.
        back = {"services": {service: {"variables": {"XMTP_ENV": {"value": "dev"}, "BY_HAND": None}}}}
        ask(stack, endpoint, STORE, environment=where["id"], patch=back)


def test_a_pool_manager_that_does_not_answer_costs_one_row_and_exit_code_3(stack: LocalStack) -> None:
    if stack.outputs()["poolManager"]["mode"] != "container":
        pytest.skip("no Docker on this machine: there is no pool manager to stop")
    name = next(
        line
        for line in stack.shell("docker", "ps", "--format", "{{.Names}}").text.split()
        if line.startswith(f"convos-convos-agent-pool-manager-{stack.outputs()['poolManager']['deploymentId'][:8]}")
    )
    assert stack.shell("docker", "pause", name).code == 0
    try:
        done = stack.shell("python", "-m", "ops.status.command", "--stack", "local")
    finally:
        assert stack.shell("docker", "unpause", name).code == 0
    assert done.code == 3, done.text
    assert "not read: pool-manager: " in done.text
    assert "no drift" in done.text


def test_a_stack_that_is_not_there_is_one_line(stack: LocalStack) -> None:
    done = stack.shell("python", "-m", "ops.status.command", "--stack", "nobodys")
    assert done.code == 1
    assert done.text.startswith("error: stack: there is no Pulumi.nobodys.yaml; the stacks are ")
    assert done.text.count("\n") == 1
