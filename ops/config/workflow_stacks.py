"""The lists of branches and stacks in the workflows; GitHub requires literal lists. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

_BRANCHES = re.compile(r"^( +branches: )\[.*\]$", re.MULTILINE)
_STACKS = re.compile(r"^( +(?:stack|options): )\[.*\]$", re.MULTILINE)


def written(workflow: str, branches: Mapping[str, str]) -> str:
    """Return a workflow with the current lists of branches and of stacks.

    Args:
        workflow: its text.
        branches: the stack of each branch that deploys one.
    """
    workflow = _BRANCHES.sub(rf"\1[{', '.join(branches)}]", workflow)
    return _STACKS.sub(rf"\1[{', '.join(branches.values())}]", workflow)
