"""`make status` on a stack that lives: what it says is asked at that moment, and nothing is called fine that is not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from convos_infra.schema.migration import latest_version
from tests import needs
from tests.stack.fix_stack import QUIET, Done, LocalStack
from tests.stack.test_destroy import ask

pytestmark = pytest.mark.stack
CANARY, POOL = "convos-runtime-canary", "convos-agent-pool-manager"
PARTS = {
    *("stack", "fine", "backend", "update", "environment", "services", "image", "agents", "schema", "drift", "keys"),
    *("updates", "unread", "sources"),
}
SECONDS = 60.0


def status(stack: LocalStack, *arguments: str) -> Done:
    """Run status as scripts do: by ops/run, which passes the exit code on."""
    return stack.shell("ops/run", "status", "--stack", "local", *arguments)


def document(stack: LocalStack) -> tuple[int, dict[str, Any]]:
    done = stack.shell("sh", "-c", "exec ops/run status --stack local --json 2>/dev/null")
    found: dict[str, Any] = json.loads(done.text)
    return done.code, found


def drift(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what differs, without the volumes that agents of other tests have left for Railway to delete."""
    rows: list[dict[str, Any]] = found["drift"]
    return [row for row in rows if row["kind"] != "otherVolumePendingDeletion"]


def service(found: dict[str, Any], name: str) -> dict[str, Any]:
    row: dict[str, Any] = next(row for row in found["services"] if row["service"] == name)
    return row


def has_containers(stack: LocalStack) -> bool:
    return bool(stack.outputs()["poolManager"]["mode"] == "container")


def test_the_page_shows_image_agents_schema_and_keys_and_no_secret(stack: LocalStack, tmp_path: Path) -> None:
    done = stack.shell("make", "status", "STACK=local", f"HTML={tmp_path}/status.html")
    assert done.code == 0, done.text
    outputs = stack.outputs()
    page = (tmp_path / "status.html").read_text()
    assert "<title>local: all is well</title>" in page
    assert outputs["image"]["digest"][:15] in page
    assert outputs["poolManager"]["apiKey"] not in page
    assert outputs["database"]["url"] not in page
    assert outputs["image"]["digest"][:15] in done.text
    assert f"{latest_version()}, the newest of this checkout, no drift" in done.text
    assert "OPENCLAW_PRIMARY_MODEL" in done.text
    assert "openrouter/anthropic" not in done.text
    assert outputs["poolManager"]["apiKey"] not in done.text
    assert outputs["database"]["url"] not in done.text
    assert "\x1b" not in done.text
    for whom in ("Railway", "the database", "Pulumi's backend", "the stack's config file"):
        assert f"[asked {whom} " in done.text
    assert "[as of the last update (" in done.text
    if has_containers(stack):
        assert "3 agents: 3 on the latest image, 0 behind; 3 are kept idle  [asked the pool manager " in done.text


def test_scripts_get_the_same_as_json(stack: LocalStack) -> None:
    code, found = document(stack)
    assert code == 0, found
    assert set(found) - {"rollout", "newestImage"} == PARTS
    assert found["fine"] is True
    assert found["unread"] == {}
    assert found["schema"] == {
        "version": latest_version(),
        "recorded": latest_version(),
        "newest": latest_version(),
        "drift": [],
    }
    assert drift(found) == []
    assert found["updates"][0]["result"] == "succeeded"
    assert set(found["sources"]) == set(found) - {"stack", "fine", "unread", "sources"}
    assert {row["status"] for row in found["services"]} == {"SUCCESS"}
    if has_containers(stack):
        assert service(found, CANARY)["url"] == stack.outputs()["canary"]["url"]
        (image,) = found["agents"]["byImage"]
        assert image == {"image": found["image"]["reference"], "latest": True, "states": {"idle": 3}}


UPSERT = "mutation u($input: VariableUpsertInput!) { variableUpsert(input: $input) }"
STORE = """mutation p($environment: String!, $patch: EnvironmentConfig) {
  environmentPatchCommit(environmentId: $environment, patch: $patch, skipDeploys: true)
}"""


def test_what_others_changed_on_railway_is_named_without_its_value(stack: LocalStack) -> None:
    outputs = stack.outputs()
    endpoint, where = outputs["railway"]["endpoint"], outputs["environment"]
    id_ = service(document(stack)[1], CANARY)["serviceId"]
    at = {"projectId": where["projectId"], "environmentId": where["id"], "serviceId": id_}
    try:
        for name, value in (("XMTP_ENV", "of-somebody-else"), ("BY_HAND", "of-somebody-else")):
            ask(stack, endpoint, UPSERT, input={**at, "name": name, "value": value, "skipDeploys": True})
        stack.emulator("/calls", "DELETE")
        done = status(stack, "--json")
        assert done.code == 3, done.text
        assert "of-somebody-else" not in done.text
        assert len(stack.calls()) <= 3
        assert {call["type"] for call in stack.calls()} == {"query"}
        found = [(row["kind"], row["names"]) for row in drift(document(stack)[1])]
        assert found == [
            ("changed", ["XMTP_ENV"]),
            ("notRunning", ["XMTP_ENV"]),
            ("storedByOthers", ["BY_HAND"]),
            ("unmanaged", ["BY_HAND"]),
        ]
    finally:
        # Not variableDelete, which deploys: the canary would then answer elsewhere than the outputs say.
        back = {"services": {id_: {"variables": {"XMTP_ENV": {"value": "dev"}, "BY_HAND": None}}}}
        ask(stack, endpoint, STORE, environment=where["id"], patch=back)


def test_a_pool_manager_that_does_not_answer_costs_one_row_and_exit_code_3(stack: LocalStack) -> None:
    if not has_containers(stack):
        needs.DOCKER.skip()
    name = next(
        line
        for line in stack.shell("docker", "ps", "--format", "{{.Names}}").text.split()
        if line.startswith(f"convos-{POOL}-{stack.outputs()['poolManager']['deploymentId'][:8]}")
    )
    assert stack.shell("docker", "pause", name).code == 0
    try:
        done = status(stack)
        made = stack.shell("make", "status", "STACK=local")
    finally:
        assert stack.shell("docker", "unpause", name).code == 0
    assert done.code == 3, done.text
    assert "not read: pool-manager: " in done.text
    assert "no drift" in done.text
    # GNU make has one code for every failure, and prints the one that it was told.
    assert made.code == 2
    assert "Error 3" in made.text


@contextmanager
def listening(port: int) -> Iterator[list[str]]:
    """Answer at a port of this machine as whoever comes after the one that was there, and note what is sent."""
    sent: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent.append(str(self.headers))
            self.send_error(503)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield sent
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _until(stack: LocalStack, name: str, wanted: str) -> dict[str, Any]:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        found = document(stack)[1]
        if service(found, name)["status"] == wanted:
            return found
    raise AssertionError(f"{name} is not {wanted}: {found}")


REDEPLOY = "mutation r($id: String!) { deploymentRedeploy(id: $id) { id } }"
REMOVE = "mutation r($id: String!) { deploymentRemove(id: $id) }"


def test_what_others_deployed_or_removed_is_told_as_it_is_and_the_key_goes_to_nobody_else(stack: LocalStack) -> None:
    if not has_containers(stack):
        needs.DOCKER.skip()
    outputs = stack.outputs()
    endpoint, stale = outputs["railway"]["endpoint"], outputs["poolManager"]["url"]
    try:
        ask(stack, endpoint, REDEPLOY, id=outputs["poolManager"]["deploymentId"])
        found = _until(stack, POOL, "SUCCESS")
        assert service(found, POOL)["url"] not in ("", stale)
        ask(stack, endpoint, REMOVE, id=outputs["canary"]["deploymentId"])
        with listening(int(urlsplit(stale).port or 0)) as sent:
            done = status(stack)
        assert sent == []
        assert done.code == 3, done.text
        assert "3 agents" in done.text
        assert "REMOVED, nothing runs" in done.text
        assert f"{CANARY}: nothing runs: the newest deployment is REMOVED" in done.text
        assert stale not in done.text
        assert outputs["canary"]["url"] not in done.text
    finally:
        # The next update finds the canary's end and the pool manager's new place in the state.
        refreshed = stack.pulumi("refresh", "--yes", "--stack", "local", *QUIET)
    assert refreshed.code == 0, refreshed.text
    told = status(stack)
    assert told.code == 3
    assert " since the last update" in told.text


def test_an_update_that_was_killed_is_told_with_the_command_that_takes_its_lock_away(stack: LocalStack) -> None:
    locks = stack.checkout / ".local" / "state" / ".pulumi" / "locks" / "organization" / "convos-infra" / "local"
    command = ". .local/env; exec pulumi refresh --yes --stack local --non-interactive"
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        cwd=stack.checkout,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    end = time.monotonic() + SECONDS
    while not list(locks.glob("*.json")):
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.01)
    running = status(stack)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    cut = status(stack)
    assert stack.pulumi("cancel", "--yes", "--stack", "local", *QUIET).code == 0
    assert running.code == 3
    assert "an update is under way: lock of " in running.text
    assert cut.code == 3
    assert f"process {process.pid}, since 20" in cut.text
    assert "which has ended; pulumi cancel --stack local" in cut.text
    assert "none under way, none cut" in status(stack).text


def elsewhere(stack: LocalStack, backend: Path, *argv: str) -> Done:
    """Run a command with a backend of its own, in a checkout whose local stack is up."""
    env = {
        **os.environ,
        "PULUMI_BACKEND_URL": f"file://{backend}",
        "PULUMI_CONFIG_PASSPHRASE": "x",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    kept = {key: value for key, value in env.items() if key not in ("MAKEFLAGS", "MAKELEVEL")}
    done = subprocess.run(argv, cwd=stack.checkout, env=kept, capture_output=True, text=True, check=False, timeout=120)
    return Done(done.returncode, done.stdout + done.stderr)


def test_another_stack_is_asked_for_in_its_own_backend_while_the_local_one_is_up(
    stack: LocalStack, tmp_path: Path
) -> None:
    for argv in (("ops/run", "status", "--stack", "dev"), ("ops/run", "rollout-plan", "--stack", "dev")):
        done = elsewhere(stack, tmp_path, *argv)
        assert done.code == 1, done.text
        assert f"no state of dev in file://{tmp_path} (from PULUMI_BACKEND_URL)" in done.text
        assert done.text.count("\n") == 1
    made = elsewhere(stack, tmp_path, "make", "status", "STACK=dev")
    assert (made.code, "Error 1" in made.text) == (2, True)


def test_a_stack_that_was_never_deployed_is_not_said_to_have_no_drift(stack: LocalStack, tmp_path: Path) -> None:
    config = stack.checkout / "Pulumi.dev.yaml"
    before = config.read_text()
    try:
        made = elsewhere(stack, tmp_path, "ops/run", "status", "--stack", "dev")
        assert made.code == 1
        init = ("pulumi", "stack", "init", "dev", "--no-select", "--non-interactive")
        assert elsewhere(stack, tmp_path, *init).code == 0
        done = elsewhere(stack, tmp_path, "ops/run", "status", "--stack", "dev")
    finally:
        config.write_text(before)
    assert done.code == 3, done.text
    assert "drift" in done.text
    assert "none: Railway has" not in done.text
    assert "not read: nothing is deployed; pulumi up --stack dev" in done.text


def test_a_stack_that_is_not_there_is_one_line(stack: LocalStack) -> None:
    done = stack.shell("python", "-m", "ops.status.command", "--stack", "nobodys")
    assert done.code == 1
    assert done.text.startswith("error: stack: there is no Pulumi.nobodys.yaml; the stacks are ")
    assert done.text.count("\n") == 1
