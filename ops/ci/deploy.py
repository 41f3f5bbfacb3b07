"""Updates a stack if the update does what was reviewed.

python -m ops deploy --stack STACK [--image runtime|pool --digest sha256:…] [--commit SHA] [--accept FINGERPRINT]

The preview must match the one on the merged pull request, apart from the images that were just built. If they differ,
the deploy stops, lists the differences, and prints the fingerprint with which a reviewer can accept the new preview.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from convos_infra.checkout import Relation
from convos_infra.errors import InfraError
from convos_infra.registry.errors import NoSuchRepositoryError, NoSuchTagError
from convos_infra.registry.resolve import resolve
from ops import stacks
from ops.ci import comment, forward, github, workflow
from ops.ci.just_built import TaggedImage, followed, just_built
from ops.ci.preview import head, subject
from ops.ci.registry_login import credentials
from ops.ci.reviewed import IMAGE, POOL_IMAGE, Preview, decoded, differences
from ops.notify.notification import Kind, Notification
from ops.notify.webhook import failures_told, send
from ops.plan.previewed import previewed
from ops.printable import log_line
from ops.progress.reported_update import update
from ops.pulumi_cli import CHECKOUT, Pulumi

if TYPE_CHECKING:
    from convos_infra.registry.reference import ImageReference

_MOST_LINES = 40
_RECORDED = {"runtime": IMAGE, "pool": POOL_IMAGE}
"""Image -> the resource that records it."""


class NotReviewedError(InfraError):
    """The update differs from what was reviewed."""


def reviewed_preview(door: github.GitHub, commit: str, branch: str, stack: str) -> tuple[Preview, str]:
    """Return the preview on the pull request that a commit was merged by, and how to refer to it.

    Without a pull request the reviewed preview is empty, so that only the images that were just built may change.
    """
    merged = [pull for pull in door.pages(f"commits/{commit}/pulls") if _brought(pull, commit, branch)]
    if not merged:
        return Preview(()), f"no merged pull request has {commit[:7]} on {branch}"
    number = int(merged[0]["number"])
    found = comment.find(door, number, subject(stack))
    data = comment.revealed(str(found.get("body") or "")) if found else None
    if data is None:
        return Preview(()), f"#{number} has no preview of {stack}"
    try:
        return decoded(data), f"#{number}"
    except ValueError:
        return Preview(()), f"the preview on #{number} cannot be read"


def check_reviewed(reviewed: Preview, source: str, now: Preview, built: Sequence[str], accept: str) -> None:
    """Refuse an update that differs from what was reviewed.

    Args:
        reviewed: the reviewed preview.
        source: where the reviewed preview was found.
        now: the preview of this update.
        built: the digests of the images that were just built.
        accept: the fingerprint of a preview that a reviewer accepts despite the differences.

    Raises:
        NotReviewedError: the previews differ, and this one was not accepted.
    """
    found = differences(reviewed, now, *built)
    if not found:
        return
    workflow.summary(
        "\n".join(
            ["### The update differs from the reviewed preview", "", *(f"- {line}" for line in found[:_MOST_LINES])]
        )
    )
    for line in found[:_MOST_LINES]:
        sys.stdout.write(log_line(f"  {line}\n"))
    if accept == now.fingerprint:
        workflow.notice(f"applied despite {len(found)} differences: fingerprint {accept} was accepted")
        return
    problem = f"{len(found)} differences from the reviewed preview ({source}); the first: {found[0]}"
    raise NotReviewedError("deploy", problem, f"review it, then run the deploy workflow with accept={now.fingerprint}")


def tagged_image(tag: ImageReference) -> TaggedImage | None:
    """Return the image that a tag points to; None if the registry has no such tag.

    Raises:
        InfraError: the registry did not answer.
    """
    try:
        found = resolve(tag, credentials=credentials(), subject="deploy")
    except (NoSuchRepositoryError, NoSuchTagError):
        return None
    return TaggedImage(found.digest, found.revision)


def check_image_goes_forward(
    door: github.GitHub, stack: str, now: Preview, values: dict[str, Any], tip: str, accept: str
) -> None:
    """Refuse an update to an older image, unless the config pins that image or a reviewer has accepted the preview.

    Raises:
        GoesBackError: the image is older, or its age cannot be determined.
    """
    if accept == now.fingerprint:
        return
    for image in followed(values, stack):
        recorded = _RECORDED[image.name]
        runs, comes = forward.revisions(now, recorded)
        if image.is_pinned or runs == comes:
            continue
        to_image = forward.compared(CHECKOUT, door, runs, comes)
        to_branch = forward.compared(CHECKOUT, door, comes, tip) if to_image is Relation.DIVERGED else Relation.UNKNOWN
        try:
            forward.check_forward(stack, runs, comes, to_image, to_branch, recorded)
        except forward.GoesBackError as error:
            workflow.summary(f"### Not deployed\n\n{error}\n\nfingerprint `{now.fingerprint}`")
            raise


def main(argv: Sequence[str] | None = None) -> int:
    """Preview, compare with the reviewed preview, update."""
    environ = os.environ
    parser = argparse.ArgumentParser(prog="ops deploy", description=__doc__)
    parser.add_argument("--stack", default=environ.get("STACK", ""))
    parser.add_argument(
        "--image", default=environ.get("IMAGE", ""), help="the image that was just built: runtime or pool"
    )
    parser.add_argument(
        "--packages", default=environ.get("PACKAGES", ""), help="where images are pushed, such as ghcr.io/owner"
    )
    parser.add_argument(
        "--digest", default=environ.get("DIGEST", ""), help="the digest of the image that was just built"
    )
    parser.add_argument(
        "--images", default=environ.get("IMAGES", ""), help="the images that the push builds: runtime pool"
    )
    parser.add_argument("--commit", default=environ.get("GITHUB_SHA", ""))
    parser.add_argument("--branch", default=environ.get("GITHUB_REF_NAME", ""))
    parser.add_argument(
        "--accept",
        default=environ.get("ACCEPT", ""),
        help="the fingerprint of a preview that may be applied though it was not reviewed",
    )
    chosen = parser.parse_args(argv)
    if bool(chosen.image) != bool(chosen.digest):
        parser.error("--image and --digest must be given together")
    stack = stacks.checked(chosen.stack or stacks.of_branch(chosen.branch))
    with failures_told(stack, "deploy"):
        _deploy(stack, chosen)
    return 0


def _deploy(stack: str, chosen: argparse.Namespace) -> None:
    values, builds = stacks.config(CHECKOUT, stack), tuple(chosen.images.split())
    built = just_built(
        followed(values, stack),
        chosen.image,
        chosen.digest,
        packages=chosen.packages,
        builds=builds,
        commit=chosen.commit,
        ask=tagged_image,
    )
    for note in filter(None, (*built.notes, built.leave)):
        workflow.notice(note)
    if built.leave:
        return
    pulumi = Pulumi(stack, extra=built.variables)
    found = previewed(pulumi)
    now = found.preview
    workflow.summary(head(found))
    if not now.changes:
        workflow.notice(f"{stack}: nothing to change")
        return
    door = github.from_environment()
    check_image_goes_forward(door, stack, now, values, chosen.commit, chosen.accept)
    reviewed, source = reviewed_preview(door, chosen.commit, chosen.branch, stack)
    check_reviewed(reviewed, source, now, tuple(built.digests.values()), chosen.accept)
    title, rows = update(pulumi, found, then=workflow.summary)
    outputs = pulumi.read("stack", "output")
    workflow.summary(f"```json\n{json.dumps(outputs, indent=1)}\n```")
    send(Notification(Kind.DEPLOY, stack, title, tuple(row.text for row in rows)))
    if found.plan.agents is not None and found.plan.agents.batches:
        moved = str((outputs.get("agents") or {}).get("text") or "agents were moved")
        send(Notification(Kind.ROLLOUT, stack, moved))


def _brought(pull: Any, commit: str, branch: str) -> bool:
    return bool(pull.get("merged_at")) and pull["base"]["ref"] == branch and pull.get("merge_commit_sha") == commit


if __name__ == "__main__":
    sys.exit(workflow.run(main))
