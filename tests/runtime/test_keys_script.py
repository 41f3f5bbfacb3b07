"""Bug 3 of the mission: keys.sh left out keys. It shows every one, and no value."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

from runtime_process import RUNTIME

from pool_contract.keys import DECLARATIONS

if TYPE_CHECKING:
    from pathlib import Path

MISSION = {
    *("OPENCLAW_PRIMARY_MODEL", "XMTP_ENV", "AGENTMAIL_API_KEY", "AGENTMAIL_DOMAIN", "AGENTMAIL_INBOX_ID"),
    *("BANKR_API_KEY", "TELNYX_API_KEY", "TELNYX_PHONE_NUMBER", "TELNYX_MESSAGING_PROFILE_ID", "OPENROUTER_API_KEY"),
    *("POOL_API_KEY", "OPENCLAW_GATEWAY_TOKEN", "SETUP_PASSWORD", "PRIVATE_WALLET_KEY", "OPENCLAW_STATE_DIR"),
    *("CHROMIUM_PATH", "PORT"),
}

DECLARED = {one.name for one in DECLARATIONS if one.runtime is not None}


def keys(state: Path, *args: str, **variables: str) -> tuple[int, dict[str, str], str]:
    env = {"PATH": os.environ["PATH"], "OPENCLAW_STATE_DIR": str(state), **variables}
    done = subprocess.run(
        ["sh", "scripts/keys.sh", *args], cwd=RUNTIME, env=env, capture_output=True, text=True, timeout=30
    )
    shown = dict(re.findall(r"^  (\w+) +(.+)$", done.stdout, re.MULTILINE))
    return done.returncode, shown, done.stdout + done.stderr


def test_every_key_of_the_mission_is_shown(tmp_path: Path) -> None:
    code, shown, _ = keys(tmp_path)
    assert code == 0
    assert MISSION <= set(shown) == DECLARED


def test_each_state_is_told_apart(tmp_path: Path) -> None:
    _, shown, _ = keys(tmp_path, BANKR_API_KEY="bk_1", TELNYX_API_KEY="")
    assert shown["BANKR_API_KEY"] == "from env"
    assert shown["TELNYX_API_KEY"] == "not set"
    assert shown["XMTP_ENV"] == "default"
    assert shown["OPENCLAW_PRIMARY_MODEL"] == "missing (required)"
    assert shown["SETUP_PASSWORD"] == "not set"
    assert keys(tmp_path, "--generate")[1]["SETUP_PASSWORD"] == "generated"


def test_no_value_is_printed(tmp_path: Path) -> None:
    marked = {name: f"marked-{name.lower()}" for name in DECLARED - {"OPENCLAW_STATE_DIR"}}
    _, shown, output = keys(tmp_path, "--generate", **marked)
    assert set(shown.values()) == {"from env"}
    assert "marked" not in output
    generated = tmp_path / "own"
    generated.mkdir()
    _, _, output = keys(generated, "--generate")
    values = re.findall(r"=(.+)", (generated / "generated.env").read_text())
    assert len(values) == 3
    assert not any(value in output for value in values)


def test_generated_keys_have_the_missions_lengths_and_stay(tmp_path: Path) -> None:
    keys(tmp_path, "--generate")
    file = tmp_path / "generated.env"
    assert re.fullmatch(
        r"OPENCLAW_GATEWAY_TOKEN=[0-9a-f]{64}\nSETUP_PASSWORD=[0-9a-f]{32}\nPRIVATE_WALLET_KEY=0x[0-9a-f]{64}\n",
        file.read_text(),
    )
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_text()
    keys(tmp_path, "--generate")
    assert file.read_text() == before


def test_the_check_fails_on_a_missing_required_key_only(tmp_path: Path) -> None:
    code, _, output = keys(tmp_path, "--check", OPENCLAW_PRIMARY_MODEL="m")
    assert code == 1
    assert "keys: 1 required missing" in output
    assert keys(tmp_path, "--check", OPENCLAW_PRIMARY_MODEL="m", OPENROUTER_API_KEY="k")[0] == 0


def test_the_example_file_names_every_key() -> None:
    named = set(re.findall(r"^(\w+)=", (RUNTIME / ".env.example").read_text(), re.MULTILINE))
    assert named == DECLARED
