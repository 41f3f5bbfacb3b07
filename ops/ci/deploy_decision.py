"""Which stack an event deploys, if any: the rules. Plain Python, as it runs before anything is installed.

`python3 -m ops.ci.deploy_decision` prints `name=value` lines, as GITHUB_OUTPUT takes them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

from ops.ci.image_tags import BRANCH_TAGS

IMAGE_FILES = ("runtime",)
"""A push that changes these builds an image, and the build deploys when it is done (build-runtime.yml)."""
_NO_COMMIT = "0" * 40


@dataclass(frozen=True)
class Decision:
    """What to do for an event: the stack, whether it is deployed now, and why not."""

    stack: str
    deploy: bool
    reason: str = ""


def decide(branch: str, *, digest: str, by_hand: bool, builds_image: bool, ref_type: str = "branch") -> Decision:
    """Decide.

    Args:
        branch: the branch that was pushed, or on which the workflow was started by hand.
        ref_type: `branch` or `tag`, GITHUB_REF_TYPE: a tag may be called as a branch is.
        digest: of the image just built; empty where none was.
        by_hand: whether a person started it.
        builds_image: whether the push makes build-runtime run.
    """
    if ref_type != "branch":
        return Decision("", deploy=False, reason=f"{branch} is a {ref_type or 'reference'}, and only branches deploy")
    stack = BRANCH_TAGS.get(branch, "")
    if not stack:
        return Decision("", deploy=False, reason=f"branch {branch} deploys no stack")
    if builds_image and not digest and not by_hand:
        return Decision(stack, deploy=False, reason="this push builds an image: build-runtime deploys it")
    return Decision(stack, deploy=True)


def changes_image(before: str, after: str) -> bool:
    """Tell whether a push changes what the image is built from; False where git has not both commits.

    A new branch has no commit before, and a forced push one that nobody has any more: GitHub's path filter then goes by
    other rules, and a deploy too many is none that changes anything.
    """
    if not before or before == _NO_COMMIT:
        return False
    command = ["git", "diff", "--quiet", f"{before}..{after}", "--", *IMAGE_FILES]
    return subprocess.run(command, capture_output=True, check=False).returncode == 1


def main() -> int:
    """Run the command line, and return its exit code."""
    environ = os.environ
    decision = decide(
        environ.get("GITHUB_REF_NAME", ""),
        ref_type=environ.get("GITHUB_REF_TYPE", ""),
        digest=environ.get("DIGEST", ""),
        by_hand=environ.get("GITHUB_EVENT_NAME") == "workflow_dispatch",
        builds_image=changes_image(environ.get("BEFORE", ""), environ.get("GITHUB_SHA", "")),
    )
    sys.stdout.write(f"stack={decision.stack}\ndeploy={str(decision.deploy).lower()}\nreason={decision.reason}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
