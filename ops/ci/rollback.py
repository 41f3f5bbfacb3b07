"""Rolls a stack back to the image of a commit by a pull request of one line; with --apply, it updates first.

python -m ops rollback --stack STACK --tag sha-1a2b3c4 [--apply]; an empty tag removes the pin.
"""

from __future__ import annotations

import base64
import os
import re
import sys
from collections.abc import Sequence

from convos_infra.checkout import SHORT
from convos_infra.errors import InfraError
from convos_infra.registry.reference import parse_version
from convos_infra.registry.resolve import ResolvedImage, age, resolve
from ops import stacks
from ops.ci import comment, github, workflow
from ops.ci.image_tags import BRANCH_TAGS
from ops.ci.preview import body, subject
from ops.ci.registry_login import credentials
from ops.notify.notification import Kind, Notification
from ops.notify.webhook import send
from ops.plan.previewed import previewed
from ops.pulumi_cli import CHECKOUT, Pulumi
from ops.stack_command import stack_parser
from railway_api.failure import Failure

_OF_A_PULL_REQUEST = re.compile(r"pr-\d+")


class AlreadySoError(InfraError):
    """The branch already has the change."""


def branch_of(stack: str) -> str:
    """Return the branch that deploys a stack.

    Raises:
        InfraError: none does.
    """
    for branch, tag in BRANCH_TAGS.items():
        if tag == stack:
            return branch
    raise InfraError("stack", f"no branch deploys {stack}", f"expected one of {', '.join(BRANCH_TAGS.values())}")


def checked_image(stack: str, tag: str) -> ResolvedImage:
    """Return the image to roll back to, checked before a pull request is opened.

    Raises:
        InfraError: the tag moves with each build, so it cannot be pinned.
        RegistryError: the tag does not exist, or its image cannot be deployed.
    """
    location = stacks.followed(stacks.config(CHECKOUT, stack), stack).location
    image = resolve(parse_version(location, tag, "imageTag"), credentials=credentials(), subject="imageTag")
    if image.tag in BRANCH_TAGS.values() or _OF_A_PULL_REQUEST.fullmatch(image.tag):
        now = f"sha-{image.revision[:SHORT]}" if image.revision else image.digest
        problem = f"{image.tag} moves with each build, so it cannot be pinned"
        raise InfraError("imageTag", problem, f"use a tag that does not move; {image.tag} is {now} now")
    return image


def given_tag(text: str) -> str:
    """Return the tag without surrounding whitespace, which pasting adds.

    Raises:
        InfraError: the tag is only whitespace; as an empty tag it would remove the pin.
    """
    if text and not text.strip():
        raise InfraError("tag", "is only whitespace", "name a tag, or leave it empty to follow the branch again")
    return text.strip()


def open_pull_request(door: github.GitHub, stack: str, tag: str, why: str) -> int:
    """Commit the one-line change to a branch and open a pull request for it, or update the open one.

    Returns:
        Its number.

    Raises:
        AlreadySoError: there is nothing to change.
        GitHubError: GitHub refused or did not answer.
    """
    base, path = branch_of(stack), f"Pulumi.{stack}.yaml"
    head = f"rollback/{stack}"
    tip = door.send("GET", f"git/ref/heads/{github.branch_path(base)}")["object"]["sha"]
    file = door.send("GET", f"contents/{path}", ref=base)
    old = base64.b64decode(file["content"]).decode()
    new = stacks.with_pin(old, tag)
    title = f"Roll {stack} back to {tag}" if tag else f"Let {stack} follow its branch again"
    if new == old:
        raise AlreadySoError(stack, f"{path} on {base} already has this", "nothing to do")
    try:
        door.send("GET", f"git/ref/heads/{github.branch_path(head)}")
    except github.NotFoundError:
        door.send("POST", "git/refs", {"ref": f"refs/heads/{head}", "sha": tip})
    else:
        door.send("PATCH", f"git/refs/heads/{github.branch_path(head)}", {"sha": tip, "force": True})
    content = base64.b64encode(new.encode()).decode()
    change = {"message": title, "content": content, "sha": file["sha"], "branch": head}
    door.send("PUT", f"contents/{path}", change)
    owner = door.repository.partition("/")[0]
    known = list(door.pages("pulls", state="open", head=f"{owner}:{head}", base=base))
    if known:
        number = int(known[0]["number"])
        door.send("PATCH", f"pulls/{number}", {"title": title, "body": why})
        return number
    return int(door.send("POST", "pulls", {"title": title, "head": head, "base": base, "body": why})["number"])


def main(argv: Sequence[str] | None = None) -> int:
    """Check the image, preview, update with --apply, and open the pull request."""
    parser = stack_parser("rollback", __doc__)
    parser.add_argument("--tag", default=os.environ.get("TAG", ""))
    parser.add_argument("--apply", action="store_true", default=os.environ.get("APPLY") == "true")
    chosen = parser.parse_args(argv)
    stack = stacks.checked(chosen.stack)
    branch_of(stack)
    given = given_tag(chosen.tag)
    image = checked_image(stack, given) if given else None
    tag = image.tag or image.digest if image else ""
    file = CHECKOUT / f"Pulumi.{stack}.yaml"
    # As bytes, to keep the line endings.
    file.write_bytes(stacks.with_pin(file.read_bytes().decode(), tag).encode())
    pulumi = Pulumi(stack)
    found = previewed(pulumi)
    text = pulumi.do("preview", "--diff")
    failed: Failure | None = None
    if chosen.apply:
        # During an incident the update comes first, before anything that GitHub may refuse.
        try:
            pulumi.do("up", "--yes", "--skip-preview")
        except Failure as error:
            failed = error
        else:
            workflow.summary(f"### {stack} now runs {tag or 'its branch tag'}\n\n{_why(stack, image)}\n")
            send(Notification(Kind.DEPLOY, stack, f"rolled back: now runs {tag or 'its branch tag'}"))
    try:
        number = propose(github.from_environment(), stack, tag, _why(stack, image), body(found, text))
    except AlreadySoError as error:
        workflow.notice(str(error))
    except Failure as error:
        if not chosen.apply:
            raise
        # The update has been applied, or its own error is raised below.
        workflow.warning(
            f"{error}. Until {file.name} on {branch_of(stack)} has `{_line(tag)}`, the next deploy reverts the rollback"
        )
    else:
        workflow.notice(f"merge #{number}; until then the next deploy of {stack} reverts the rollback")
    if failed:
        send(Notification(Kind.FAILURE, stack, "rollback failed", (str(failed),), is_well=False))
        raise failed
    return 0


def propose(door: github.GitHub, stack: str, tag: str, why: str, preview: str) -> int:
    """Open the pull request with its preview, and return its number.

    Raises:
        GitHubError: GitHub refused; the error says how to open the pull request by hand.
    """
    try:
        number = open_pull_request(door, stack, tag, why)
    except github.ForbiddenError as error:
        place = f"https://github.com/{door.repository}/compare/{branch_of(stack)}...rollback/{stack}?expand=1"
        step = (
            f"open it by hand: {place}; to allow it permanently: Settings, Actions, General, "
            "Allow GitHub Actions to create and approve pull requests"
        )
        raise github.ForbiddenError("github", error.problem, step) from None
    # A pull request that is opened with a job's own token starts no workflow, so its preview is written here.
    address = comment.put(door, number, subject(stack), preview)
    workflow.summary(f"### {stack}: pull request #{number}\n\n{why}\n\n{address}\n")
    return number


def _line(tag: str) -> str:
    return f"{stacks.PROJECT}:imageTag: {tag}" if tag else f"no {stacks.PROJECT}:imageTag"


def _why(stack: str, image: ResolvedImage | None) -> str:
    if image is None:
        return f"`{stack}` follows its branch's tag again."
    parts = [f"`{image.tag or image.short_digest}` is `{image.short_digest}`"]
    parts += [f"built from {image.revision[:7]}"] if image.revision else []
    parts += [age(image.created)] if image.created else []
    return f"{', '.join(parts)}. To roll forward, remove the line again."


if __name__ == "__main__":
    sys.exit(workflow.run(main))
