"""Deploys move forward: an image that is older than what runs is deployed by name alone, as a rollback.

A build that is run again after a newer one moves the branch's tag back, and every check on that tag then passes. So the
commits themselves are compared: what runs, what would be deployed, and what the branch has.
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
"""GitHub's words for how the second commit of a comparison stands to the first."""


class GoesBackError(InfraError):
    """An event would deploy an image that is older than what runs."""


def revisions(preview: Preview, recorded: str) -> tuple[str, str]:
    """Return the revision of an image that runs and the one that would; both empty where the image stays."""
    before, after = preview.image_of(recorded).get("revision", ("", ""))
    return _text(before), _text(after)


def compared(checkout: Path, door: GitHub, old: str, new: str) -> Relation:
    """Return what `new` is to `old`, by git or else by GitHub, which also knows commits that no branch has any more.

    Raises:
        InfraError: git refuses to read the checkout, or GitHub does not answer.
    """
    if _is_commit(old) and _is_commit(new) and (old.startswith(new) or new.startswith(old)):
        return Relation.SAME  # also where nobody knows the commit any more
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
    """Refuse an image that would take a stack back.

    Args:
        stack: its name.
        runs: the revision that runs; empty where nothing does, or where its image does not say: then nothing is lost.
        comes: the revision of the image.
        to_image: what `comes` is to `runs`.
        to_branch: what the branch's newest commit is to `comes`.
        recorded: which image it is, `IMAGE` or `POOL_IMAGE`.

    Raises:
        GoesBackError: it is older, or lacks commits that run; or nobody can tell.
    """
    if not runs or to_image in {Relation.SAME, Relation.AHEAD}:
        return
    old, new = escaped(runs[:SHORT]), escaped(comes[:SHORT]) or "an image without a revision"
    has, step = f"{stack} runs {old}", f"to go back, start the workflow rollback for {stack} with tag sha-{new}"
    if recorded == POOL_IMAGE:
        # The workflow rollback pins the runtime image alone.
        has = f"the pool manager of {stack} runs {old}"
        step = f"to go back, set poolImage in Pulumi.{stack}.yaml to the tag sha-{new} by a pull request"
    if to_image is Relation.BEHIND:
        problem = f"{has}, and {new} is older: not deployed, a build was run again or the branch was reset"
        raise GoesBackError("deploy", problem, f"to go on, run the newest build of the branch again; {step}")
    if to_image is Relation.DIVERGED and to_branch in {Relation.SAME, Relation.AHEAD}:
        return  # a forced push: what runs is in no branch any more, and the branch has this
    if to_image is Relation.DIVERGED:
        problem = f"{has}, and {new} lacks commits of it and is not in the branch: not deployed"
        raise GoesBackError("deploy", problem, step)
    problem = f"{has}, and neither git nor GitHub can tell whether {new} is older: not deployed"
    raise GoesBackError("deploy", problem, f"look, and start deploy by hand with accept; {step}")


def _text(leaf: str) -> str:
    return str(json.loads(leaf) or "") if leaf else ""


def _is_commit(text: str) -> bool:
    return SHORT <= len(text) <= 64 and all(mark in "0123456789abcdef" for mark in text)
