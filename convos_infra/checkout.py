"""What git says of this checkout: the commit that last touched a folder, and the way between two commits."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 20.0
SHORT = 7
_LONGEST_COMMIT = 64
_LONGEST_WORDS = 200


class UnreadableCheckoutError(InfraError):
    """There is a repository, and git refuses to read it."""


class UnknownRevisionError(InfraError):
    """A revision that the checkout does not have."""


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


class Relation(Enum):
    """What one commit is to another."""

    SAME = "same"
    AHEAD = "ahead"
    BEHIND = "behind"
    DIVERGED = "diverged"
    UNKNOWN = "unknown"


def relation(checkout: Path, old: str, new: str) -> Relation:
    """Return what `new` is to `old`: AHEAD has all of its commits and more; UNKNOWN where git does not have both.

    Raises:
        UnreadableCheckoutError: git refuses to read this checkout.
    """
    between = commits_between(checkout, old, new)
    if between is None:
        return Relation.UNKNOWN
    if between.gained and between.lost:
        return Relation.DIVERGED
    if between.gained:
        return Relation.AHEAD
    return Relation.BEHIND if between.lost else Relation.SAME


def is_older(checkout: Path, revision: str, than: str) -> bool:
    """Tell whether a revision (`sha-1a2b3c4` or a commit) lacks commits of another.

    Raises:
        UnknownRevisionError: git does not know both; the guard that asks must not pass then.
    """
    one, other = revision.removeprefix("sha-"), than.removeprefix("sha-")
    if one and other and (one.startswith(other) or other.startswith(one)):
        return False
    between = commits_between(checkout, one, other)
    if between is None:
        problem = f"cannot tell whether {revision or 'an image without a revision'} is older than {than}"
        raise UnknownRevisionError("git", problem, "fetch the whole history: git fetch --unshallow, or git fetch --all")
    return between.gained > 0


def _is_commit(text: str) -> bool:
    """Tell whether a text is a commit's digits: a label may hold anything, an option of git included."""
    return SHORT <= len(text) <= _LONGEST_COMMIT and all(mark in "0123456789abcdef" for mark in text)


def _git(checkout: Path, *arguments: str) -> str | None:
    """Return what git prints, or None where it does not tell.

    Raises:
        UnreadableCheckoutError: there is a repository, and git refuses to read it.
    """
    done = _ran(checkout, *arguments)
    if done is not None and done.returncode == 0:
        return done.stdout.strip()
    # A commit that is not there, a branch without commits: git could read the repository and said no. Without a
    # repository nothing is refused. All else ("dubious ownership" first) would turn every guard off without a word.
    if not any((folder / ".git").exists() for folder in (checkout, *checkout.parents)):
        return None
    probe = _ran(checkout, "rev-parse", "--git-dir")
    if probe is None:
        raise UnreadableCheckoutError("git", "cannot be started, or does not end", "install git, and try again")
    if probe.returncode != 0:
        words = (probe.stderr.strip().splitlines() or ["no reason given"])[0].removeprefix("fatal: ")[:_LONGEST_WORDS]
        step = f"if this checkout is yours: git config --global --add safe.directory '{checkout}'"
        raise UnreadableCheckoutError("git", f"does not read this checkout: {words}", step)
    return None


def _ran(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str] | None:
    command = ["git", "-C", str(checkout), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
