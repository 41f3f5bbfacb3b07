"""A checkout has the line endings that shells, make and images need, whatever git is told on that machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


def git(folder: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True).stdout


@pytest.mark.parametrize("autocrlf", ["true", "input", "false"])
@pytest.mark.parametrize("eol", ["crlf", "native"])
def test_no_file_gets_carriage_returns_from_gits_settings(tmp_path: Path, autocrlf: str, eol: str) -> None:
    names = [
        "Makefile",
        "ops/run",
        "runtime/scripts/start.sh",
        "ops/image/qa.sh",
        "__main__.py",
        "docs/dashboard/launch.png",
    ]
    names = [name for name in names if (CHECKOUT / name).exists()]
    assert len(names) >= 4
    git(tmp_path, "init", "--quiet")
    for name in [".gitattributes", *names]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((CHECKOUT / name).read_bytes())
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "--quiet", "--message", "x")
    clone = tmp_path / "clone"
    settings = ["-c", f"core.autocrlf={autocrlf}", "-c", f"core.eol={eol}"]
    if autocrlf != "false":
        settings = settings[:2]
    git(tmp_path, *settings, "clone", "--quiet", "--no-local", str(tmp_path), str(clone))
    for name in names:
        assert (clone / name).read_bytes() == (CHECKOUT / name).read_bytes(), name


def test_no_file_in_the_repository_has_carriage_returns() -> None:
    listed = git(CHECKOUT, "ls-files", "--eol").decode()
    assert [line for line in listed.splitlines() if line.startswith(("i/crlf", "i/mixed"))] == []
