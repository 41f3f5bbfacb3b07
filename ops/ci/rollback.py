"""Rolls a stack back to a commit's image, or forward again: a pull request of one line; with --apply, the update first.

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
    """The branch has the change already."""


def branch_of(stack: str) -> str:
    """Return the branch that deploys a stack.

    Raises:
        InfraError: none does.
    """
    for branch, tag in BRANCH_TAGS.items():
        if tag == stack:
            return branch
    raise InfraError("stack", f"no branch deploys {stack}", f"the stacks are {', '.join(BRANCH_TAGS.values())}")


def checked_image(stack: str, tag: str) -> ResolvedImage:
    """Return the image to roll back to; one that does not pull is refused before anybody waits for a review.

    Raises:
        InfraError: the tag moves with each build, so that a pin of it pins nothing.
        RegistryError: the tag is not there, or cannot be deployed.
    """
    location = stacks.followed(stacks.config(CHECKOUT, stack), stack).location
    image = resolve(parse_version(location, tag, "imageTag"), credentials=credentials(), thing="imageTag")
    if image.tag in BRANCH_TAGS.values() or _OF_A_PULL_REQUEST.fullmatch(image.tag):
        now = f"sha-{image.revision[:SHORT]}" if image.revision else image.digest
        problem = f"{image.tag} moves with each build: a stack that is pinned to it is pinned to nothing"
        raise InfraError("imageTag", problem, f"name one image; {image.tag} is {now} now")
    return image


def given_tag(text: str) -> str:
    """Return the tag as it was meant: pasted, it has a blank or a line break around it.

    Raises:
        InfraError: nothing else is there; an empty tag would remove the pin, which nobody said.
    """
    if text and not text.strip():
        raise InfraError("tag", "is only whitespace", "name a tag, or leave it empty to follow the branch again")
    return text.strip()


def open_pull_request(door: github.GitHub, stack: str, tag: str, why: str) -> int:
    """Put the one-line change onto a branch and open a pull request for it, or update the one there is.

    Returns:
        Its number.

    Raises:
        AlreadySoError: there is nothing to change.
        GitHubError: GitHub refused.
    """
    base, path = branch_of(stack), f"Pulumi.{stack}.yaml"
    head = f"rollback/{stack}"
    tip = door.send("GET", f"git/ref/heads/{github.branch_path(base)}")["object"]["sha"]
    file = door.send("GET", f"contents/{path}", ref=base)
    old = base64.b64decode(file["content"]).decode()
    new = stacks.with_pin(old, tag)
    title = f"Roll {stack} back to {tag}" if tag else f"Let {stack} follow its branch again"
    if new == old:
        raise AlreadySoError(stack, f"{path} on {base} says that already", "nothing to do")
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
    """Check the image, preview, open the pull request; update where that was asked for."""
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
    # As bytes: line ends stay as they are.
    file.write_bytes(stacks.with_pin(file.read_bytes().decode(), tag).encode())
    pulumi = Pulumi(stack)
    found = previewed(pulumi)
    text = pulumi.do("preview", "--diff")
    failed: Failure | None = None
    if chosen.apply:
        # In an incident the update is what counts: nothing that GitHub may refuse comes before it.
        try:
            pulumi.do("up", "--yes", "--skip-preview")
        except Failure as error:
            failed = error
        else:
            workflow.summary(f"### {stack} runs {tag or 'its branch tag'} now\n\n{_why(stack, image)}\n")
            send(Notification(Kind.DEPLOY, stack, f"rolled back: {tag or 'its branch tag'} runs now"))
    try:
        number = propose(github.from_environment(), stack, tag, _why(stack, image), body(found, text))
    except AlreadySoError as error:
        workflow.notice(str(error))
    except Failure as error:
        if not chosen.apply:
            raise
        # The update stands, or its own error is told below.
        workflow.warning(f"{error}. Until `{_line(tag)}` is in {file.name} on {branch_of(stack)}, a deploy undoes it")
    else:
        workflow.notice(f"merge #{number}: until then the next deploy of {stack} undoes the rollback")
    if failed:
        send(Notification(Kind.FAILURE, stack, "rollback failed", (str(failed),), is_well=False))
        raise failed
    return 0


def propose(door: github.GitHub, stack: str, tag: str, why: str, preview: str) -> int:
    """Open the pull request with its preview, and return its number.

    Raises:
        GitHubError: it was refused; what is missing by then is named.
    """
    try:
        number = open_pull_request(door, stack, tag, why)
    except github.ForbiddenError as error:
        place = f"https://github.com/{door.repository}/compare/{branch_of(stack)}...rollback/{stack}?expand=1"
        step = (
            f"open it by hand: {place}; or allow it for good: Settings, Actions, General, "
            "Allow GitHub Actions to create and approve pull requests"
        )
        raise github.ForbiddenError("github", error.problem, step) from None
    # A pull request that a job's own token opens starts no workflow, so its preview is written here.
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
    return f"{', '.join(parts)}. The way forward is to remove the line again."


if __name__ == "__main__":
    sys.exit(workflow.run(main))
