"""Previews a stack for a pull request, and writes the preview as the one comment about it.

python -m ops preview [--stack STACK]: the stack that the base branch deploys (GITHUB_BASE_REF), unless named.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence

from ops import stacks
from ops.ci import comment, github, workflow
from ops.ci.reviewed import IMAGE, POOL_IMAGE, Leaf, Preview, encoded
from ops.pulumi_cli import Pulumi, PulumiError

_LONGEST_SUMMARY = 900_000
"""GitHub takes a summary of at most 1 MiB a step."""


def subject(stack: str) -> str:
    """Return what the comment about a stack's preview is found by."""
    return f"preview:{stack}"


def headline(stack: str, preview: Preview) -> str:
    """Return what one looks at first: deployments, the image, why each service is deployed."""
    count, deployments = len(preview.changes), preview.deployments
    lines = [
        f"### Preview of `{stack}`: {_plural(deployments, 'deployment')}, {_plural(count, 'change')}",
        "",
    ]
    for recorded, name in ((IMAGE, "image"), (POOL_IMAGE, "pool manager's image")):
        if changed := preview.image_of(recorded):
            lines.append(f"- {name}: {_image(changed)}")
    lines += [
        f"- {change.what.partition(' ')[2]}: {change.cost}" for change in preview.changes if not change.cost.is_nothing
    ]
    lines += [
        f"- **{change.op}** {change.what}"
        for change in preview.changes
        if change.op.startswith(("delete", "replace", "create-replacement"))
    ]
    lines += ["", f"fingerprint `{preview.fingerprint}`", ""]
    return "\n".join(lines)


def body(stack: str, preview: Preview, text: str) -> str:
    """Return the comment: what matters, the whole text folded, and the preview as data for the deploy to compare."""
    return comment.cut(headline(stack, preview), text, comment.hidden(encoded(preview)))


def main(argv: Sequence[str] | None = None) -> int:
    """Preview, write the summary, write the comment; loud about whatever of it does not work."""
    parser = argparse.ArgumentParser(prog="ops preview", description=__doc__)
    parser.add_argument("--stack", default=os.environ.get("STACK", ""))
    parser.add_argument("--pull-request", type=int, default=os.environ.get("PULL_REQUEST"), metavar="NUMBER")
    chosen = parser.parse_args(argv)
    stack = stacks.checked(chosen.stack or stacks.of_branch(os.environ.get("GITHUB_BASE_REF", "")))
    if not chosen.pull_request:
        parser.error("which pull request? --pull-request NUMBER, or PULL_REQUEST")
    door, number = github.from_environment(), chosen.pull_request
    pulumi = Pulumi(stack)
    try:
        preview = pulumi.preview()
        text = pulumi.do("preview", "--diff")
    except PulumiError as error:
        failed = f"### Preview of `{stack}` failed\n\n```\n{str(error)[:4000]}\n```\n"
        workflow.summary(failed)
        comment.put(door, number, subject(stack), failed)
        raise
    workflow.summary(f"{headline(stack, preview)}\n```diff\n{text[:_LONGEST_SUMMARY]}\n```\n")
    address = comment.put(door, number, subject(stack), body(stack, preview, text))
    workflow.notice(f"{stack}: {_plural(preview.deployments, 'deployment')}; {address}")
    return 0


def _image(changed: Mapping[str, Leaf]) -> str:
    def short(name: str, length: int) -> str:
        before, after = (str(json.loads(value)) if value else "" for value in changed.get(name, ("", "")))
        return f"{before[:length] or 'none'} → {after[:length]}" if after else ""

    said = [short("tag", 128), short("digest", 15), short("revision", 7)]
    words = [f"{name} {text}" for name, text in zip(("tag", "digest", "revision"), said, strict=True) if text]
    after = changed.get("history", ("", ""))[1]
    return ", ".join([*words, *([str(json.loads(after))] if after else [])])


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


if __name__ == "__main__":
    sys.exit(workflow.run(main))
