"""`ops/run`, through which make runs whatever takes STACK: whose backend is asked, and whose exit code comes back."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCAL_BACKEND, OWN_BACKEND = "file:///local/state", "file:///own/state"
PYTHON = """#!/bin/sh
[ "$2" = ops.toolchain ] && { echo /tools; exit 0; }
printf '%s\\n' "$PULUMI_BACKEND_URL" "$PATH" "$*"
exit "${CODE:-0}"
"""
"""Stands for .venv/bin/python: it says where the program that is started would look."""


@dataclass(frozen=True)
class Ran:
    """How a run ended, and what the program that it started saw."""

    code: int
    backend: str
    path: str
    arguments: str
    errors: str


@dataclass(frozen=True)
class Checkout:
    """A checkout with a local stack that is up."""

    folder: Path

    def run(self, *arguments: str, **environ: str) -> Ran:
        """Run ops/run from another folder, in a shell with a backend of its own."""
        env = {"PATH": os.environ["PATH"], "PULUMI_BACKEND_URL": OWN_BACKEND, **environ}
        done = subprocess.run(
            [str(self.folder / "ops" / "run"), *arguments],
            cwd="/",
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        backend, path, rest, *_ = [*done.stdout.splitlines(), "", "", ""]
        return Ran(done.returncode, backend, path, rest, done.stderr)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    folder = tmp_path / "a checkout"
    (folder / "ops").mkdir(parents=True)
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".local").mkdir()
    shutil.copy2(ROOT / "ops" / "run", folder / "ops" / "run")
    python = folder / ".venv" / "bin" / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    (folder / ".local" / "env").write_text(f"export PULUMI_BACKEND_URL={LOCAL_BACKEND}\n")
    return Checkout(folder)


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "--stack", "production"),
        ("status", "--stack=production", "--json"),
        ("schema-plan", "--stack", "dev"),
        ("rollout-plan", "--stack", "locals"),
        ("rollout-plan", "--stack", "dev", "--image", "local"),
        ("adopt", "--project", "local", "--environment", "local", "--stack", "dev"),
        ("keys", "--stack", ""),
        ("drift",),
        ("status", "--stack", "local", "--stack", "production"),
    ],
)
def test_a_stack_that_is_not_local_is_never_asked_for_in_the_local_backend(
    checkout: Checkout, arguments: tuple[str, ...]
) -> None:
    ran = checkout.run(*arguments)
    assert (ran.code, ran.backend) == (0, OWN_BACKEND)
    assert ran.arguments == " ".join(["-m", "ops", *arguments])


@pytest.mark.parametrize("arguments", [("status", "--stack", "local"), ("status", "--stack=local"), ("demo",)])
def test_the_stack_local_is_asked_for_where_make_local_put_it(checkout: Checkout, arguments: tuple[str, ...]) -> None:
    assert checkout.run(*arguments, STACK="local").backend == LOCAL_BACKEND


def test_the_argument_counts_and_not_the_variable(checkout: Checkout) -> None:
    assert checkout.run("status", "--stack", "dev", STACK="local").backend == OWN_BACKEND
    assert checkout.run("status", "--stack", "local", STACK="dev").backend == LOCAL_BACKEND


def test_without_a_local_stack_the_shells_own_backend_is_asked(checkout: Checkout) -> None:
    (checkout.folder / ".local" / "env").unlink()
    assert checkout.run("status", "--stack", "local").backend == OWN_BACKEND


@pytest.mark.parametrize("code", [0, 1, 2, 3, 130])
def test_the_exit_code_is_the_programs_own(checkout: Checkout, code: int) -> None:
    assert checkout.run("status", "--stack", "dev", CODE=str(code)).code == code


def test_the_checkouts_tools_come_first_on_path(checkout: Checkout) -> None:
    found = checkout.run("status", "--stack", "dev").path.split(":")
    assert found[:2] == [str(checkout.folder / ".venv" / "bin"), "/tools"]


def test_a_checkout_without_its_virtual_environment_says_what_makes_it(checkout: Checkout) -> None:
    shutil.rmtree(checkout.folder / ".venv")
    ran = checkout.run("status", "--stack", "dev")
    assert ran.code == 1
    assert ran.errors == "ops/run: there is no .venv yet; run: make toolchain\n"


def test_every_target_that_takes_a_stack_goes_through_ops_run() -> None:
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    recipes = [line for line in makefile.splitlines() if line.startswith("\t") and "$$STACK" in line]
    assert len(recipes) >= 5
    for recipe in recipes:
        assert "ops/run " in recipe, recipe
        assert "IN_LOCAL" not in recipe, recipe
    assert not re.search(r"^\t.*IN_LOCAL.*-m ops (?!demo)", makefile, re.MULTILINE)


def test_make_ends_with_2_and_prints_the_code_that_status_ended_with(checkout: Checkout) -> None:
    shutil.copy2(ROOT / "Makefile", checkout.folder / "Makefile")
    env = {"PATH": os.environ["PATH"], "CODE": "3"}
    command = ["make", "--old-file=.venv/requirements.sha256", "status", "STACK=dev"]
    (checkout.folder / "ops" / "requirements.txt").touch()
    (checkout.folder / ".venv" / "requirements.sha256").touch()
    done = subprocess.run(command, cwd=checkout.folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2, "GNU make can pass a code on: say so in ops/run, the Makefile and the runbook"
    assert "[Makefile" in done.stderr
    assert "Error 3" in done.stderr


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ("raise KeyboardInterrupt", 130),
        ("print('x' * 100_000)", 141),
        ("print('a short one, which waits in the buffer')", 141),
    ],
)
def test_ctrl_c_and_a_reader_that_has_gone_end_a_verb_without_a_traceback(ends: str, code: int) -> None:
    program = (
        f"import sys\nfrom ops.ci import workflow\ndef main():\n  {ends}\n  return 0\nsys.exit(workflow.run(main))"
    )
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (code, "")
