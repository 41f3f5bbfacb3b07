"""Who ran an update, from what Pulumi writes down of each: a run of CI, or a shell. Pure.

Pulumi records the author of the checkout's last commit, who need not be the person that deployed: it is not asked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHELL = "a shell"
SHORT = 7


def origin(environment: Mapping[str, Any]) -> str:
    """Return who ran an update: `GitHub Actions <address of the run>`, or `a shell, branch <name>`.

    Args:
        environment: of a row of `pulumi stack history --json`.
    """
    system = str(environment.get("ci.system") or "")
    if system:
        run = environment.get("ci.build.url") or environment.get("ci.build.number") or environment.get("ci.build.id")
        return f"{system} {run}" if run else system
    branch = str(environment.get("git.headName") or "").removeprefix("refs/heads/")
    return f"{SHELL}, branch {branch}" if branch else SHELL


def commit(environment: Mapping[str, Any]) -> str:
    """Return the checkout's commit: `1a2b3c4`, with `+` where files differed from it; empty if none is recorded."""
    head = str(environment.get("git.head") or "")[:SHORT]
    return f"{head}+" if head and environment.get("git.dirty") == "true" else head
