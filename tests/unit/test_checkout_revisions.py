"""Which of two revisions is older: git's own history tells, and where it cannot nobody guesses."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from convos_infra.checkout import (
    Relation,
    Revision,
    UnknownRevisionError,
    UnreadableCheckoutError,
    is_older,
    relation,
    revision,
    titles_between,
)

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


@pytest.mark.parametrize("revision", ["sha-1a2b3c4", "--all", "", "production", "sha256:1"])
def test_where_git_does_not_know_them_nothing_is_claimed(tmp_path: Path, revision: str) -> None:
    for text in ("1", "2"):
        with pytest.raises(UnknownRevisionError, match="is older than sha-2b3c4d5; fetch the whole history"):
            is_older(tmp_path, revision, "sha-2b3c4d5")
        assert relation(tmp_path, revision, "2b3c4d5") is Relation.UNKNOWN
        subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
        commit(tmp_path, text)


def test_a_revision_is_not_older_than_itself_wherever_it_is_from(tmp_path: Path) -> None:
    assert not is_older(tmp_path, "sha-1a2b3c4", "1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b")


def test_two_branches_that_parted_are_neither_ahead_nor_behind(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    base, one = commit(tmp_path, "1"), commit(tmp_path, "2")
    subprocess.run(["git", "-C", str(tmp_path), "checkout", "--quiet", "-b", "other", base], check=True)
    other = commit(tmp_path, "3")
    assert relation(tmp_path, one, other) is Relation.DIVERGED
    assert relation(tmp_path, base, one) is Relation.AHEAD
    assert relation(tmp_path, one, base) is Relation.BEHIND
    assert relation(tmp_path, one, one) is Relation.SAME


def test_a_repository_that_git_refuses_to_read_is_an_error_and_not_an_empty_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What git says in a container whose user does not own the mounted checkout."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    commit(tmp_path, "1")
    assert revision(tmp_path, ".").commit
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(UnreadableCheckoutError, match=r"dubious ownership.*safe\.directory"):
        revision(tmp_path, ".")
    with pytest.raises(UnreadableCheckoutError):
        is_older(tmp_path, "sha-1a2b3c4", "sha-2b3c4d5")


def test_a_broken_repository_and_a_machine_without_git_are_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    commit(tmp_path, "1")
    (tmp_path / ".git" / "HEAD").write_text("")
    with pytest.raises(UnreadableCheckoutError):
        revision(tmp_path, ".")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnreadableCheckoutError, match="cannot be started"):
        revision(tmp_path, ".")


def test_without_a_repository_nothing_is_known_and_nothing_is_refused(tmp_path: Path) -> None:
    assert revision(tmp_path, ".") == Revision("", "0", is_clean=False)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    assert revision(tmp_path, ".").commit == "", "a branch without a commit"


def test_titles_are_of_the_commits_that_one_has_and_the_other_lacks_newest_first(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    base, one, two = (commit(tmp_path, title) for title in ("base", "one: \x1b[31m ::x", "two\n\nand a body"))
    assert titles_between(tmp_path, base, two, 9) == [(two, "two"), (one, "one: \x1b[31m ::x")]
    assert titles_between(tmp_path, base[:7], two[:7], 1) == [(two, "two")]
    assert titles_between(tmp_path, two, base, 9) == []
    for wrong in ("--output=x", "", "1234567", "HEAD"):
        assert titles_between(tmp_path, wrong, two, 9) == titles_between(tmp_path, two, wrong, 9) == []
