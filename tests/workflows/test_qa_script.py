"""What ops/image/qa.sh starts an image with, what it refuses, what it shows. Its docker is a stand-in: a process."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import needs

CHECKOUT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
TODAY = CHECKOUT / "tests/contract/today/convos-platform/pool-server/dist/index.js"
Qa = Callable[..., tuple[int, str]]
KEYS = {
    "OPENCLAW_PRIMARY_MODEL": "a/model",
    "OPENROUTER_API_KEY": "marked-openrouter",
    "AGENTMAIL_API_KEY": "marked-agentmail",
    "AGENTMAIL_INBOX_ID": "marked-inbox",
    "TELNYX_API_KEY": "marked-telnyx",
    "TELNYX_PHONE_NUMBER": "+15551234567",
}


@pytest.fixture
def qa(tmp_path: Path) -> Qa:
    if shutil.which("node") is None:
        needs.NODE.skip()
    (tmp_path / "loaded").write_text("convos:qa")

    def run(**variables: str) -> tuple[int, str]:
        env = {
            "PATH": f"{HERE / 'standins' / 'bin'}:{os.environ['PATH']}",
            "STANDIN_NOTES": str(tmp_path / "notes"),
            "STANDIN_PYTHON": sys.executable,
            "GITHUB_JOB": "qa",
            "NO_PROXY": "127.0.0.1",
            "QA_SETTLE_SECONDS": "0",
            "QA_READY_SECONDS": "20",
            "QA_POLL_SECONDS": "0.2",
            "TMPDIR": str(tmp_path),
            **variables,
        }
        command = ["sh", "ops/image/qa.sh", "convos:qa"]
        done = subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=120)
        assert not list((tmp_path / "containers").glob("*[0-9]")), "no container is left"
        assert not list(tmp_path.glob("tmp.*")), "no file is left"
        return done.returncode, done.stdout + done.stderr

    return run


def handed_on(qa: Qa, **variables: str) -> dict[str, str]:
    code, output = qa(QA_SMOKE_COMMAND="env", **variables)
    assert code == 0, output
    return dict(re.findall(r"^(\w+)=(.*)$", output, re.MULTILINE))


def test_the_image_gets_what_the_teams_is_started_with(qa: Qa) -> None:
    found = handed_on(qa, **KEYS)
    assert {name: found[name] for name in KEYS} == KEYS
    assert re.fullmatch(r"[0-9a-f]{64}", found["OPENCLAW_GATEWAY_TOKEN"])
    assert re.fullmatch(r"[0-9a-f]{32}", found["SETUP_PASSWORD"])
    assert re.fullmatch(r"0x[0-9a-f]{64}", found["PRIVATE_WALLET_KEY"])
    assert "POOL_API_KEY" not in found


def test_what_is_given_is_not_made(qa: Qa) -> None:
    given = {"OPENCLAW_GATEWAY_TOKEN": "t", "PRIVATE_WALLET_KEY": "0x1"}
    assert handed_on(qa, **given).items() >= given.items()


@pytest.mark.parametrize(
    ("key", "made"), [("AGENTMAIL_API_KEY", "AGENTMAIL_INBOX_ID"), ("TELNYX_API_KEY", "TELNYX_PHONE_NUMBER")]
)
@pytest.mark.parametrize("value", [None, ""])
def test_a_key_that_would_make_something_goes_only_with_what_it_would_make(
    qa: Qa, key: str, made: str, value: str | None
) -> None:
    given = {name: text for name, text in KEYS.items() if name != made}
    code, output = qa(QA_SMOKE_COMMAND="env", **given, **({} if value is None else {made: value}))
    assert code == 0, output
    assert f"qa: {key} is not passed on: without {made} the image would create one at each run; set {made}\n" in output
    assert f"\n{key}=" not in output


def test_the_management_key_is_never_handed_on(qa: Qa) -> None:
    assert "OPENROUTER_MANAGEMENT_KEY" not in handed_on(qa, OPENROUTER_MANAGEMENT_KEY="marked")
    code, output = qa(OPENROUTER_MANAGEMENT_KEY="marked", QA_KEYS="EXA_API_KEY OPENROUTER_MANAGEMENT_KEY")
    assert (code, output) == (1, "qa: QA_KEYS: an agent is never given OPENROUTER_MANAGEMENT_KEY\n")


def test_further_keys_are_handed_on_by_name(qa: Qa) -> None:
    found = handed_on(qa, EXA_API_KEY="marked exa", OTHER="x", QA_KEYS="EXA_API_KEY NOT_SET")
    assert found["EXA_API_KEY"] == "marked exa"
    assert not {"OTHER", "NOT_SET"} & found.keys()


@pytest.mark.parametrize("name", ["A-B", "A=B", "9A", "$(id)", "A;id", "é"])
def test_a_name_that_no_variable_has_is_refused(qa: Qa, name: str) -> None:
    code, output = qa(QA_KEYS=name)
    assert (code, output) == (1, f"qa: QA_KEYS: {name} is not the name of a variable\n")


def test_the_smoke_tests_of_the_reference_runtime_pass_with_a_bearer_and_without(qa: Qa) -> None:
    for variables in ({}, {"QA_BEARER": "marked-bearer"}):
        code, output = qa(**variables)
        assert code == 0, output
        assert re.search(r"^\d+ passed, 0 failed$", output, re.MULTILINE)
        assert ("skipped: POOL_API_KEY" in output) is not bool(variables)
        assert "marked" not in output


def test_todays_image_is_checked_by_its_own_commands(qa: Qa) -> None:
    code, output = qa(QA_START_COMMAND=f"node {TODAY}", QA_SMOKE_COMMAND="echo its own")
    assert code == 0, output
    assert "\nits own\n" in output
    assert '"runtime":"openclaw"' in output


def test_another_health_path_is_asked(qa: Qa) -> None:
    assert qa(QA_HEALTH_PATH="/convos/status")[0] == 0
    code, output = qa(QA_HEALTH_PATH="/nowhere", QA_READY_SECONDS="2")
    assert code == 1
    assert "qa: not ready after 2 s; /nowhere answers: " in output
    assert "  | gateway: listening" in output


def test_smoke_tests_that_fail_fail_it_with_the_log(qa: Qa) -> None:
    code, output = qa(QA_SMOKE_COMMAND="echo no; exit 3")
    assert code == 1
    assert "qa: the smoke tests failed, or took longer than 120 s\nqa: failed; the container's log:\n  | " in output
    assert qa(QA_SMOKE_COMMAND="sleep 30", QA_SMOKE_SECONDS="1")[0] == 1


def test_control_characters_of_a_container_are_shown_and_not_sent(qa: Qa, tmp_path: Path) -> None:
    noisy = tmp_path / "noisy.js"
    text = "red \\u001b[31m bell \\u0007 back \\r\\u0000 del \\u007f csi \\u009b2J, and é ß 中 Ä stay"
    noisy.write_text(f'console.log("{text}"); console.log("::error::not ours"); process.exit(3);')
    code, output = qa(QA_START_COMMAND=f"node {noisy}")
    assert code == 1
    assert "exit code" in output
    shown = r"  | red \x1b[31m bell \x07 back \x0d del \x7f csi \x9b2J, and é ß 中 Ä stay"
    assert f"{shown}\n  | ::error::not ours\n" in output
    code, output = qa(QA_SMOKE_COMMAND=r"printf 'a\033[2Jb\n'")
    assert code == 0
    assert "a\\x1b[2Jb\n" in output
