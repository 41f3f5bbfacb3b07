"""Asks git about this checkout: the last commit that touched a folder, and the commits between two commits."""

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
    """Git refuses to read the repository."""


class UnknownRevisionError(InfraError):
    """A revision that the checkout does not have."""


@dataclass(frozen=True)
class Revision:
    """A commit.

    Attributes:
        commit: 40 hex digits, or empty if git does not tell.
        committed_at: seconds since the epoch, as text; it makes a build reproducible (SOURCE_DATE_EPOCH).
        is_clean: whether the folder equals that commit: only then does `sha-<7>` describe the build.
    """

    commit: str
    committed_at: str
    is_clean: bool

    @property
    def tag(self) -> str:
        """`sha-<7>`, or empty if the folder differs from the commit."""
        return f"sha-{self.commit[:SHORT]}" if self.commit and self.is_clean else ""


def revision(checkout: Path, *folders: str) -> Revision:
    """Return the last commit that touched one of `folders`: other commits must not cause a new build."""
    last = _git(checkout, "log", "-1", "--format=%H %ct", "--", *folders)
    if not last:
        return Revision("", "0", is_clean=False)
    commit, _, when = last.partition(" ")
    # In a shallow clone, the oldest commit seems to touch every file, which is good enough.
    return Revision(commit, when, is_clean=_git(checkout, "status", "--porcelain", "--", *folders) == "")


@dataclass(frozen=True)
class Commits:
    """The commits between two commits: those that are added, and those that are removed."""

    gained: int
    lost: int


def commits_between(checkout: Path, old: str, new: str) -> Commits | None:
    """Count the commits from `old` to `new` (hex digits); None if the checkout lacks one of them, or is not a clone.

    A shallow clone would count wrongly, so it returns None as well.
    """
    if not (_is_commit(old) and _is_commit(new)) or _git(checkout, "rev-parse", "--is-shallow-repository") != "false":
        return None
    counted = _git(checkout, "rev-list", "--left-right", "--count", f"{old}...{new}", "--")
    if counted is None:
        return None
    lost, _, gained = counted.partition("\t")
    return Commits(int(gained), int(lost))


def titles_between(checkout: Path, old: str, new: str, most: int) -> list[tuple[str, str]]:
    """Return the newest commits that `new` has and `old` lacks, each with its title, as their authors wrote them.

    Args:
        checkout: the repository.
        old: hex digits.
        new: hex digits.
        most: how many commits are returned.
    """
    if not (_is_commit(old) and _is_commit(new)):
        return []
    told = _git(checkout, "log", f"--max-count={most}", "--format=%H %s", f"{old}..{new}", "--")
    pairs = (line.partition(" ") for line in (told or "").split("\n") if line)
    # With log.showSignature, git prints what GnuPG says between the commits.
    return [(commit, title) for commit, _, title in pairs if _is_commit(commit)]


class Relation(Enum):
    """The relation of one commit to another."""

    SAME = "same"
    AHEAD = "ahead"
    BEHIND = "behind"
    DIVERGED = "diverged"
    UNKNOWN = "unknown"


def relation(checkout: Path, old: str, new: str) -> Relation:
    """Return the relation of `new` to `old`: AHEAD has all of its commits and more; UNKNOWN if git lacks one of them.

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
        UnknownRevisionError: git does not know both; the caller's check must then fail.
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
    """Tell whether a text consists of a commit's digits: a label may contain anything, even an option of git."""
    return SHORT <= len(text) <= _LONGEST_COMMIT and all(mark in "0123456789abcdef" for mark in text)


def _git(checkout: Path, *arguments: str) -> str | None:
    """Return git's output, or None if the command fails.

    Raises:
        UnreadableCheckoutError: git refuses to read the repository.
    """
    done = _ran(checkout, *arguments)
    if done is not None and done.returncode == 0:
        return done.stdout.strip()
    # For a missing commit, or a branch without commits, git could read the repository and said no. Without a
    # repository, nothing is refused. Any other error (such as "dubious ownership") would silently disable every check.
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
