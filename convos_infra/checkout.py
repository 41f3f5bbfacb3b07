"""What this checkout's images are built from: the commit that last touched a folder."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 20.0
SHORT = 7


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


def _git(checkout: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(checkout), *arguments], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
