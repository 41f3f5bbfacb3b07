"""What a newcomer types first: the Python that is found, the lines that are printed, `make`."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ops.toolchain.console import Step, step

CHECKOUT = Path(__file__).parents[2]


def find_python(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(CHECKOUT / "ops" / "toolchain" / "find-python")],
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
    )


def fake_python(folder: Path, name: str, *, new_enough: bool) -> None:
    (folder / name).write_text(f"#!/bin/sh\nexit {0 if new_enough else 1}\n")
    (folder / name).chmod(0o755)


def test_the_first_python_that_is_new_enough_is_taken(tmp_path: Path) -> None:
    fake_python(tmp_path, "python3", new_enough=False)
    fake_python(tmp_path, "python3.12", new_enough=True)
    assert find_python(tmp_path).stdout.strip() == str(tmp_path / "python3.12")


def test_without_a_python_new_enough_there_is_one_line_that_names_the_command(tmp_path: Path) -> None:
    fake_python(tmp_path, "python3", new_enough=False)
    done = find_python(tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "apt-get install" in done.stderr


def test_down_works_without_the_virtual_environment(tmp_path: Path) -> None:
    env = {**os.environ, "CONVOS_LOCAL_ROOT": str(tmp_path / "local"), "DOCKER_HOST": f"unix://{tmp_path}/no.sock"}
    command = [sys.executable, "-S", "-m", "ops.local", "down"]  # no package that is installed
    done = subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing was running, nothing to remove" in done.stdout


def test_make_toolchain_makes_the_virtual_environment_that_ops_run_needs(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text((CHECKOUT / "Makefile").read_text())
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "requirements.txt").touch()
    done = subprocess.run(["make", "--dry-run", "toolchain"], cwd=tmp_path, capture_output=True, text=True, check=True)
    commands = [line.rpartition("-m ops.toolchain ")[2] for line in done.stdout.splitlines()]
    assert commands == ["venv", "tools"]


def test_make_alone_lists_every_target(tmp_path: Path) -> None:
    done = subprocess.run(["make"], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    for target in ("local", "down", "test", "status", "check", "lock", "toolchain"):
        assert f"make {target} " in done.stdout


def test_a_step_prints_one_plain_line_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    with step("services", out) as current:
        current.doing("starting")
        current.got("registry :5001")
        current.got("BuildKit")
    (line,) = out.getvalue().splitlines()
    assert line.startswith("  services    registry :5001, BuildKit ")
    assert line.endswith(" s")
    assert "\x1b" not in line


def test_a_slow_part_is_announced_before_it_runs() -> None:
    out = io.StringIO()
    with step("toolchain", out) as current:
        current.doing("building pulumi", slow=True)
        assert "building pulumi …" in out.getvalue()


def test_a_step_that_fails_says_so_and_lets_the_error_through() -> None:
    out = io.StringIO()

    def broken() -> None:
        with step("services", out):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert "failed" in out.getvalue()


def test_on_a_terminal_a_long_step_shows_that_it_lives() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        current = Step("pulumi up", terminal)
        current.doing("waiting for canary")
        seen = ""
        deadline = time.monotonic() + 10
        while "waiting for canary … 1 s" not in seen and time.monotonic() < deadline:
            seen += os.read(ours, 4096).decode()
        current.finish()
    os.close(ours)
    assert "waiting for canary … 1 s" in seen


def test_an_unknown_command_of_the_toolchain_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ops.toolchain", "nonsense"], cwd=CHECKOUT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_the_makefile_says_each_recipe_once() -> None:
    done = subprocess.run(["make", "--dry-run", "help"], cwd=CHECKOUT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
