"""Refuses deploys that go back: an image older than the running one is deployed only by an explicit rollback.

A build that is re-run after a newer one moves the branch's tag back, and every check of that tag then passes. Therefore
the commits themselves are compared: the running one, the one to deploy, and the branch's newest.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from convos_infra.checkout import SHORT, Relation, relation
from convos_infra.errors import InfraError
from ops.ci.github import GitHub, NotFoundError
from ops.ci.reviewed import IMAGE, POOL_IMAGE
from ops.printable import escaped

if TYPE_CHECKING:
    from pathlib import Path

    from ops.ci.reviewed import Preview

_WORDS = {
    "identical": Relation.SAME,
    "ahead": Relation.AHEAD,
    "behind": Relation.BEHIND,
    "diverged": Relation.DIVERGED,
}
"""GitHub's `status` of a comparison: how its second commit relates to the first."""


class GoesBackError(InfraError):
    """An event would deploy an image that is older than what runs."""


def revisions(preview: Preview, recorded: str) -> tuple[str, str]:
    """Return the running revision of an image and the one to deploy; both empty if the image does not change."""
    before, after = preview.image_of(recorded).get("revision", ("", ""))
    return _text(before), _text(after)


def compared(checkout: Path, door: GitHub, old: str, new: str) -> Relation:
    """Return how `new` relates to `old`: by git, else by GitHub, which also has commits that are on no branch.

    Raises:
        InfraError: git cannot read the checkout, or GitHub does not answer.
    """
    if _is_commit(old) and _is_commit(new) and (old.startswith(new) or new.startswith(old)):
        return Relation.SAME  # even if neither git nor GitHub has the commit any longer
    found = relation(checkout, old, new)
    if found is not Relation.UNKNOWN or not _is_commit(old) or not _is_commit(new):
        return found
    try:
        answer = door.send("GET", f"compare/{old}...{new}")
    except NotFoundError:
        return Relation.UNKNOWN
    return _WORDS.get(str((answer or {}).get("status")), Relation.UNKNOWN)


def check_forward(
    stack: str, runs: str, comes: str, to_image: Relation, to_branch: Relation, recorded: str = IMAGE
) -> None:
    """Refuse an image that is older than the running one.

    Args:
        stack: the stack's name.
        runs: the running revision; empty if nothing runs or the image has none, and then every image is accepted.
        comes: the revision of the image to deploy.
        to_image: how `comes` relates to `runs`.
        to_branch: how the branch's newest commit relates to `comes`.
        recorded: the image's resource, `IMAGE` or `POOL_IMAGE`.

    Raises:
        GoesBackError: the image is older, lacks commits of the running one, or cannot be compared.
    """
    if not runs or to_image in {Relation.SAME, Relation.AHEAD}:
        return
    old, new = escaped(runs[:SHORT]), escaped(comes[:SHORT]) or "an image without a revision"
    has, step = f"{stack} runs {old}", f"to roll back, run the rollback workflow for {stack} with tag sha-{new}"
    if recorded == POOL_IMAGE:
        # The rollback workflow pins only the runtime image.
        has = f"the pool manager of {stack} runs {old}"
        step = f"to roll back, open a pull request that sets poolImage in Pulumi.{stack}.yaml to the tag sha-{new}"
    if to_image is Relation.BEHIND:
        problem = f"{has}, and {new} is older, from a re-run build or a reset branch: not deployed"
        raise GoesBackError("deploy", problem, f"to deploy the branch, re-run its newest build; {step}")
    if to_image is Relation.DIVERGED and to_branch in {Relation.SAME, Relation.AHEAD}:
        return  # A forced push: the running commit is no longer on the branch, and the new one is.
    if to_image is Relation.DIVERGED:
        problem = f"{has}, and {new} lacks some of its commits and is not on the branch: not deployed"
        raise GoesBackError("deploy", problem, step)
    problem = f"{has}, and neither git nor GitHub can tell whether {new} is older: not deployed"
    raise GoesBackError("deploy", problem, f"review it, then run the deploy workflow with accept; {step}")


def _text(leaf: str) -> str:
    return str(json.loads(leaf) or "") if leaf else ""


def _is_commit(text: str) -> bool:
    return SHORT <= len(text) <= 64 and all(mark in "0123456789abcdef" for mark in text)
