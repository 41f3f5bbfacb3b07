"""Which of two revisions is older: git's own history tells, and where it cannot nobody guesses."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from convos_infra.checkout import is_older

if TYPE_CHECKING:
    from pathlib import Path


def commit(folder: Path, text: str) -> str:
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.invalid"]
    (folder / "file").write_text(text)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", text], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def test_a_revision_that_lacks_commits_of_another_is_older(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    first, second = commit(tmp_path, "1"), commit(tmp_path, "2")
    assert is_older(tmp_path, f"sha-{first[:7]}", f"sha-{second[:7]}")
    assert not is_older(tmp_path, f"sha-{second[:7]}", first)
    assert not is_older(tmp_path, first, first)


def test_where_git_does_not_know_them_nothing_is_claimed(tmp_path: Path) -> None:
    assert not is_older(tmp_path, "sha-1a2b3c4", "sha-2b3c4d5")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    commit(tmp_path, "1")
    assert not is_older(tmp_path, "sha-1a2b3c4", "sha-2b3c4d5")
    assert not is_older(tmp_path, "--all", "sha-2b3c4d5")
