"""What git says of this checkout: the commit that last touched a folder, and the way between two commits."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 20.0
SHORT = 7
_LONGEST_COMMIT = 64


@dataclass(frozen=True)
class Revision:
    """A commit.

    Attributes:
        commit: 40 hex digits, or empty where git does not tell.
        committed_at: seconds since the epoch, as text; it makes a build reproducible (SOURCE_DATE_EPOCH).
        is_clean: whether the folder is as that commit has it: only then does `sha-<7>` name what is built.
    """

    commit: str
    committed_at: str
    is_clean: bool

    @property
    def tag(self) -> str:
        """`sha-<7>`, or empty where it would lie."""
        return f"sha-{self.commit[:SHORT]}" if self.commit and self.is_clean else ""


def revision(checkout: Path, *folders: str) -> Revision:
    """Return the last commit that touched one of `folders`: others must not change what they did not touch."""
    last = _git(checkout, "log", "-1", "--format=%H %ct", "--", *folders)
    if not last:
        return Revision("", "0", is_clean=False)
    commit, _, when = last.partition(" ")
    # A shallow clone's oldest commit claims every file: good enough, as it is what was fetched.
    return Revision(commit, when, is_clean=_git(checkout, "status", "--porcelain", "--", *folders) == "")


@dataclass(frozen=True)
class Commits:
    """The way from one commit to another: those that come, and those that go."""

    gained: int
    lost: int


def commits_between(checkout: Path, old: str, new: str) -> Commits | None:
    """Count the commits from `old` to `new` (hex digits); None where the checkout does not have both, or is no clone.

    A shallow clone counts wrongly what it has cut off, so it does not tell.
    """
    if not (_is_commit(old) and _is_commit(new)) or _git(checkout, "rev-parse", "--is-shallow-repository") != "false":
        return None
    counted = _git(checkout, "rev-list", "--left-right", "--count", f"{old}...{new}", "--")
    if counted is None:
        return None
    lost, _, gained = counted.partition("\t")
    return Commits(int(gained), int(lost))


def is_older(checkout: Path, revision: str, than: str) -> bool:
    """Tell whether a revision (`sha-1a2b3c4` or a commit) lacks commits of another; False where git cannot tell."""
    between = commits_between(checkout, revision.removeprefix("sha-"), than.removeprefix("sha-"))
    return between is not None and between.gained > 0


def _is_commit(text: str) -> bool:
    """Tell whether a text is a commit's digits: a label may hold anything, an option of git included."""
    return SHORT <= len(text) <= _LONGEST_COMMIT and all(mark in "0123456789abcdef" for mark in text)


def _git(checkout: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(checkout), *arguments], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
