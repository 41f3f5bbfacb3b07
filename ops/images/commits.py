"""The last commits of this checkout, with their titles; none if git fails."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MOST = 2000
_SECONDS = 20.0


def titles(checkout: Path) -> dict[str, str]:
    """Return the title of each commit of all branches, the newest first."""
    command = ["git", "-C", str(checkout), "log", "--all", "--date-order", f"--max-count={MOST}", "--format=%H %s"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    rows = (line.partition(" ") for line in done.stdout.splitlines()) if done.returncode == 0 else ()
    return {commit: title for commit, _, title in rows}


def title_of(revision: str, known: dict[str, str]) -> str:
    """Return the title of a commit by its hash or a unique prefix of it; empty if it is not known."""
    if not revision:
        return ""
    found = [title for commit, title in known.items() if commit.startswith(revision)]
    return found[0] if len(found) == 1 else ""
