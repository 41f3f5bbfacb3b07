"""Each skip names what is missing and the command that provides it, and the last line of a run lists the commands."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import left_out, needs
from tests.needs import Need

CHECKOUT = Path(__file__).parents[2]
ALL = [value for value in vars(needs).values() if isinstance(value, Need)]


def unnamed(tree: ast.Module) -> list[int]:
    """Return the lines that skip a test with a reason of their own, not one of tests/needs.py."""
    found = []
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and "kip" in node.func.attr):
            continue
        called = ast.unparse(node.func)
        reasons = [ast.unparse(one.value) for one in node.keywords if one.arg == "reason"]
        if called in {"pytest.skip", "pytest.importorskip", "pytest.mark.skip", "self.skipTest"} or (
            called.endswith("mark.skipif")
            and not all(reason.startswith("needs.") and reason.endswith(".reason") for reason in reasons or [""])
        ):
            found.append(node.lineno)
    return found


def test_every_skip_has_a_reason_of_needs() -> None:
    files = [file for file in (CHECKOUT / "tests").rglob("*.py") if file.name != "needs.py"]
    assert len(files) > 100
    texts = {str(file.relative_to(CHECKOUT)): file.read_text(encoding="utf-8") for file in files}
    trees = {name: ast.parse(text) for name, text in texts.items() if "kip" in text}
    assert {name: lines for name, tree in trees.items() if (lines := unnamed(tree))} == {}


@pytest.mark.parametrize(
    "text",
    [
        "pytest.skip('no node')",
        "pytest.importorskip('docker')",
        "x = pytest.mark.skipif(True, reason='minutes long')",
        "x = pytest.mark.skipif(True, reason=why)",
        "@pytest.mark.skip(reason='later')\ndef test(): pass",
    ],
)
def test_a_skip_with_a_reason_of_its_own_is_found(text: str) -> None:
    assert unnamed(ast.parse(text)) == [1]


def test_a_skip_with_a_reason_of_needs_is_accepted() -> None:
    assert unnamed(ast.parse("needs.GO.skip()\nx = pytest.mark.skipif(True, reason=needs.GO.reason)")) == []


@pytest.mark.parametrize("need", ALL, ids=lambda need: str(need.what))
def test_a_reason_is_what_is_missing_and_one_command(need: Need) -> None:
    assert left_out.SEPARATOR not in need.what
    assert "\n" not in need.command
    assert need.reason == f"needs {need.what}: {need.command}"
    with pytest.raises(pytest.skip.Exception, match="needs "):
        need.skip()


def test_the_last_line_counts_by_command() -> None:
    reasons = [needs.NODE.reason, needs.PSQL.reason, needs.NODE.reason]
    assert left_out.last_line([], []) == ""
    assert left_out.last_line(reasons, ["make incidents", "WEEK=600 make test"]) == (
        "2 skipped until: apt-get install -y nodejs; 1 skipped until: apt-get install -y postgresql-client; "
        "minutes long, by themselves: WEEK=600 make test, make incidents"
    )


RUN = """
import pytest
from tests import needs

@pytest.mark.minutes_long("make week", asked=False)
def test_later(): raise AssertionError

@pytest.mark.minutes_long("make day", asked=True)
def test_asked(): pass

@pytest.mark.skipif(True, reason=needs.GO.reason)
def test_marked(): raise AssertionError

def test_skips(): needs.NODE.skip()
"""


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_run_ends_with_that_line(tmp_path: Path, workers: str) -> None:
    (tmp_path / "conftest.py").write_text((CHECKOUT / "tests" / "conftest.py").read_text(encoding="utf-8"))
    (tmp_path / "pyproject.toml").write_text(
        f"[tool.pytest.ini_options]\npythonpath = ['{CHECKOUT}', '{CHECKOUT / 'pool'}']\n"
        "markers = ['minutes_long(command, asked): left out']\naddopts = '--strict-markers'\n"
    )
    (tmp_path / "test_it.py").write_text(RUN)
    argv = [sys.executable, "-m", "pytest", "-q", "-n", workers, "-p", "no:randomly", "-p", "no:cacheprovider"]
    env = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=120, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    *_, counts, last = done.stdout.splitlines()
    assert counts.startswith("1 passed, 2 skipped")
    assert last.endswith("; minutes long, by themselves: make week")
    assert {f"1 skipped until: {need.command}" for need in (needs.GO, needs.NODE)} == set(last.split("; ")[:-1])
