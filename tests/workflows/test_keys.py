"""`make keys STACK=…`: every key of the mission with its state, never its value."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from convos_infra.errors import InfraError
from ops import stacks
from ops.status.keys import states
from pool_contract.keys import DECLARATIONS

CHECKOUT = Path(__file__).resolve().parents[2]
ROOMS = ("ops", "stack", "components", "convos_infra", "agent_accounts", "pool_contract", "railway_api")
MISSION = {
    *("OPENCLAW_PRIMARY_MODEL", "XMTP_ENV", "AGENTMAIL_API_KEY", "AGENTMAIL_DOMAIN", "AGENTMAIL_INBOX_ID"),
    *("BANKR_API_KEY", "TELNYX_API_KEY", "TELNYX_PHONE_NUMBER", "TELNYX_MESSAGING_PROFILE_ID", "OPENROUTER_API_KEY"),
    *("POOL_API_KEY", "OPENCLAW_GATEWAY_TOKEN", "SETUP_PASSWORD", "PRIVATE_WALLET_KEY", "OPENCLAW_STATE_DIR"),
    *("CHROMIUM_PATH", "PORT", "POOL_ENVIRONMENT", "POOL_MIN_IDLE", "POOL_STUCK_TIMEOUT_MS", "TICK_INTERVAL_MS"),
    *("DATABASE_URL", "RAILWAY_API_TOKEN", "RAILWAY_RUNTIME_IMAGE", "OPENROUTER_MANAGEMENT_KEY"),
    *("OPENROUTER_KEY_LIMIT", "OPENROUTER_KEY_LIMIT_RESET"),
}


def shown(values: dict[str, object], **environ: str) -> dict[str, str]:
    return {key.name: key.state for key in states(values, environ)}


def test_every_key_of_the_mission_is_shown_and_every_declared_one() -> None:
    assert set(shown({})) >= MISSION
    assert list(shown({})) == [declared.name for declared in DECLARATIONS]


def test_each_state_is_told_apart() -> None:
    values = {
        "keys": {"OPENCLAW_PRIMARY_MODEL": "a/model", "BANKR_API_KEY": {"secure": "v1:abc"}, "TELNYX_API_KEY": " "},
        "poolMinIdle": 0,
    }
    found = shown(values, POOL_RAILWAY_API_TOKEN="x")
    assert found["OPENCLAW_PRIMARY_MODEL"] == "set (required)"
    assert found["BANKR_API_KEY"] == "set"
    assert found["TELNYX_API_KEY"] == "not set"
    assert found["XMTP_ENV"] == "default"
    assert found["POOL_MIN_IDLE"] == "set"
    assert found["POOL_API_KEY"] == "made by the stack"
    assert found["SETUP_PASSWORD"] == "made for each agent"
    assert found["RAILWAY_API_TOKEN"] == "set by POOL_RAILWAY_API_TOKEN"
    assert found["DATABASE_URL"] == "set by the stack's database"
    assert shown({})["OPENCLAW_PRIMARY_MODEL"] == "missing (required)"
    assert shown({})["RAILWAY_API_TOKEN"] == "made by the stack"


def test_a_token_that_an_adoption_left_alone_is_told_as_kept() -> None:
    assert shown({"poolKeepToken": "true"})["RAILWAY_API_TOKEN"] == "kept as it is on Railway"
    assert shown({"poolKeepToken": "false"})["RAILWAY_API_TOKEN"] == "made by the stack"


def test_a_key_that_no_declaration_has_is_shown_too() -> None:
    assert shown({"keys": {"MY_OWN": "1"}})["MY_OWN"] == "set (not declared: agents get it)"


@pytest.mark.parametrize(
    ("made", "with_"),
    [("OPENROUTER_API_KEY", "OPENROUTER_MANAGEMENT_KEY"), ("AGENTMAIL_INBOX_ID", "AGENTMAIL_API_KEY")],
)
def test_a_key_is_made_for_each_agent_only_where_the_stack_has_what_makes_it(made: str, with_: str) -> None:
    assert shown({})[made] == f"not set ({with_} would make one for each agent)"
    assert shown({"keys": {with_: {"secure": "v1:abc"}}})[made] == "made for each agent"
    assert shown({"keys": {with_: {"secure": "v1:abc"}, made: {"secure": "v1:def"}}})[made] == "set"


def test_names_that_are_encrypted_are_said_to_be() -> None:
    with pytest.raises(InfraError, match="the whole object is encrypted"):
        shown({"keys": {"secure": "v1:abc"}})


def run(*arguments: str, folder: Path = CHECKOUT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ops.status.keys", *arguments]
    return subprocess.run(command, cwd=folder, env={"PATH": ""}, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("stack", stacks.configured(CHECKOUT))
def test_every_stack_has_its_required_keys(stack: str) -> None:
    done = run("--stack", stack, "--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_required_key_that_is_missing_is_one_line(tmp_path: Path) -> None:
    for name in ROOMS:
        shutil.copytree(CHECKOUT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  convos-infra:keys:\n    XMTP_ENV: dev\n")
    done = run("--stack", "dev", "--check", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: dev: 1 required missing: OPENCLAW_PRIMARY_MODEL; ")


def test_no_value_is_printed(tmp_path: Path) -> None:
    for name in ROOMS:
        shutil.copytree(CHECKOUT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    lines = "".join(f"    {name}: marked-{name.lower()}\n" for name in sorted(MISSION))
    (tmp_path / "Pulumi.dev.yaml").write_text(f"config:\n  convos-infra:keys:\n{lines}")
    done = run("--stack", "dev", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "BANKR_API_KEY" in done.stdout
    assert "marked" not in done.stdout + done.stderr


def test_a_stack_that_is_not_there_is_one_line() -> None:
    done = run("--stack", "prod")
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr == "error: stack: there is no Pulumi.prod.yaml; the stacks are dev, production, scaling, staging\n"
    )
