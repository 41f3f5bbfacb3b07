"""Which stack an event deploys, if any: the rules. Plain Python, as it runs before anything is installed.

`python3 -m ops.ci.deploy_decision` prints `name=value` lines, as GITHUB_OUTPUT takes them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

from ops.ci.image_tags import BRANCH_TAGS, shown

IMAGES = ("runtime", "pool")
"""Folders that are built to images. A push that changes one is deployed by its build, when it is done (build-*.yml)."""
UNKNOWN = ("unknown",)
"""The images of a push of which git does not tell what it changes."""
_NO_COMMIT = "0" * 40


@dataclass(frozen=True)
class DeployDecision:
    """What to do for an event.

    Attributes:
        stack: which stack the event's branch deploys; empty for none.
        deploy: whether it is deployed now.
        reason: why not.
        images: the images that the push builds, each by a workflow of its own.
    """

    stack: str
    deploy: bool
    reason: str = ""
    images: tuple[str, ...] = ()


def decide(
    branch: str, *, digest: str, by_hand: bool, images: tuple[str, ...], ref_type: str = "branch"
) -> DeployDecision:
    """Decide.

    Args:
        branch: the branch that was pushed, or on which the workflow was started by hand.
        ref_type: `branch` or `tag`, GITHUB_REF_TYPE: a tag may be called as a branch is.
        digest: of the image just built; empty where none was.
        by_hand: whether a person started it.
        images: the images that the push builds, or `UNKNOWN`.
    """
    if ref_type != "branch":
        return DeployDecision(
            "", deploy=False, reason=f"{branch} is a {ref_type or 'reference'}, and only branches deploy"
        )
    stack = BRANCH_TAGS.get(branch, "")
    if not stack:
        return DeployDecision("", deploy=False, reason=f"branch {branch} deploys no stack")
    if by_hand:
        return DeployDecision(stack, deploy=True)
    if images and images != UNKNOWN and not digest:
        builds = " and ".join(f"build-{image}" for image in images)
        return DeployDecision(
            stack, deploy=False, reason=f"this push builds an image: {builds} deploys it", images=images
        )
    return DeployDecision(stack, deploy=True, images=images)


def images_of(before: str, after: str) -> tuple[str, ...]:
    """Return the images that a push builds; `UNKNOWN` where git has not both commits.

    A new branch has no commit before, and a forced push one that is gone. GitHub's path filter then goes by other
    rules, so the deploy itself looks which images there are.
    """
    if not before or before == _NO_COMMIT:
        return UNKNOWN
    changed = []
    for image in IMAGES:
        command = ["git", "diff", "--quiet", f"{before}..{after}", "--", image]
        code = subprocess.run(command, capture_output=True, check=False).returncode
        if code not in (0, 1):
            return UNKNOWN
        if code:
            changed.append(image)
    return tuple(changed)


def main() -> int:
    """Run the command line, and return its exit code."""
    environ = os.environ
    decision = decide(
        environ.get("GITHUB_REF_NAME", ""),
        ref_type=environ.get("GITHUB_REF_TYPE", ""),
        digest=environ.get("DIGEST", ""),
        by_hand=environ.get("GITHUB_EVENT_NAME") == "workflow_dispatch",
        images=images_of(environ.get("BEFORE", ""), environ.get("GITHUB_SHA", "")),
    )
    lines = {
        "stack": decision.stack,
        "deploy": str(decision.deploy).lower(),
        "images": " ".join(decision.images),
        "reason": shown(decision.reason),
    }
    sys.stdout.write("".join(f"{name}={value}\n" for name, value in lines.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
