"""Decides which stack an event deploys, if any. Standard library only, because it runs before anything is installed.

`python3 -m ops.ci.deploy_decision` prints `name=value` lines, as GITHUB_OUTPUT takes them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

from ops.ci.image_tags import BRANCH_TAGS, shown

IMAGES = ("runtime", "pool")
"""Folders that an image is built from. A push that changes one is deployed by that image's build (build-*.yml)."""
UNKNOWN = ("unknown",)
"""The images of a push whose changes git cannot list."""
_NO_COMMIT = "0" * 40


@dataclass(frozen=True)
class DeployDecision:
    """What to do for an event.

    Attributes:
        stack: the stack that the event's branch deploys; empty for none.
        deploy: whether it is deployed now.
        reason: why it is not.
        images: the images that the push builds, each in its own workflow.
    """

    stack: str
    deploy: bool
    reason: str = ""
    images: tuple[str, ...] = ()


def decide(
    branch: str, *, digest: str, by_hand: bool, images: tuple[str, ...], ref_type: str = "branch"
) -> DeployDecision:
    """Return which stack an event deploys, and whether now.

    Args:
        branch: the branch that was pushed, or on which the workflow was started by hand.
        ref_type: `branch` or `tag`, from GITHUB_REF_TYPE; a tag may have the name of a branch.
        digest: the digest of the image that was just built; empty if none was.
        by_hand: whether a person started the workflow.
        images: the images that the push builds, or `UNKNOWN`.
    """
    if ref_type != "branch":
        return DeployDecision(
            "", deploy=False, reason=f"{branch} is a {ref_type or 'reference'}, and only branches deploy"
        )
    stack = BRANCH_TAGS.get(branch, "")
    if not stack:
        return DeployDecision("", deploy=False, reason=f"no stack is deployed from branch {branch}")
    if by_hand:
        return DeployDecision(stack, deploy=True)
    if images and images != UNKNOWN and not digest:
        builds = " and ".join(f"build-{image}" for image in images)
        return DeployDecision(
            stack,
            deploy=False,
            reason=f"this push changes an image: {builds} deploys it after the build",
            images=images,
        )
    return DeployDecision(stack, deploy=True, images=images)


def images_of(before: str, after: str) -> tuple[str, ...]:
    """Return the images that a push builds; `UNKNOWN` if git does not have both commits.

    A new branch has no previous commit, and that of a forced push may be gone. GitHub's path filter then follows other
    rules, so the deploy checks in the registry which images exist.
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
