"""The lists of branches and stacks in the workflows; GitHub takes them only written out. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

_BRANCHES = re.compile(r"^( +branches: )\[.*\]$", re.MULTILINE)
_STACKS = re.compile(r"^( +(?:stack|options): )\[.*\]$", re.MULTILINE)


def written(workflow: str, branches: Mapping[str, str]) -> str:
    """Return a workflow with every list of branches and of stacks as they are now.

    Args:
        workflow: its text.
        branches: the stack of each branch that deploys one.
    """
    workflow = _BRANCHES.sub(rf"\1[{', '.join(branches)}]", workflow)
    return _STACKS.sub(rf"\1[{', '.join(branches.values())}]", workflow)
