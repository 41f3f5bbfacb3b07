"""Shows what an update of a stack would do: `make preview STACK=… [JSON=1]`, and the comment on a pull request.

python -m ops preview [--stack STACK] [--json] [--pull-request NUMBER]: the stack that the base branch deploys
(GITHUB_BASE_REF), unless named. With a pull request (or PULL_REQUEST) the plan is the head of the comment, and the
whole preview is folded below it.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ops import stacks
from ops.ci import comment, github, workflow
from ops.ci.reviewed import encoded
from ops.plan.plan_rows import headline, plan_rows
from ops.plan.plan_text import ENDLESS, plan_markdown, plan_text
from ops.plan.previewed import Previewed, previewed
from ops.pulumi_cli import Pulumi, PulumiError
from ops.stack_command import add_json, stack_parser
from ops.status.terminal import has_colours

if TYPE_CHECKING:
    from ops.plan.update_plan import UpdatePlan

_LONGEST_SUMMARY = 900_000
"""GitHub accepts a summary of at most 1 MiB per step."""
LONGEST_HEAD = 30_000
"""The rest of a comment is for its hidden data."""


def subject(stack: str) -> str:
    """Return the subject of the comment about a stack's preview."""
    return f"preview:{stack}"


def head(found: Previewed) -> str:
    """Return the plan as Markdown, and the fingerprint with which a deploy can accept it."""
    plan = found.plan
    title = f"Preview of `{plan.stack}`: {headline(plan)}"
    text = plan_markdown(title, plan_rows(plan, datetime.now(UTC)), longest=LONGEST_HEAD)
    return f"{text}\n\nfingerprint `{found.preview.fingerprint}`\n"


def body(found: Previewed, text: str) -> str:
    """Return the comment: the plan, the whole preview folded, and the preview as data that the deploy compares."""
    return comment.cut(head(found), text, comment.hidden(encoded(found.preview)))


def shown(plan: UpdatePlan) -> str:
    """Return the plan for standard output: coloured and wrapped in a terminal, plain lines elsewhere."""
    is_terminal = sys.stdout.isatty()
    return plan_text(
        f"{plan.stack}: {headline(plan)}",
        plan_rows(plan, datetime.now(UTC)),
        width=shutil.get_terminal_size().columns if is_terminal else ENDLESS,
        colours=has_colours(os.environ, is_terminal=is_terminal),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Preview and print the plan; with a pull request, write the summary and the comment, and fail if either fails."""
    parser = stack_parser("preview", __doc__)
    add_json(parser)
    parser.add_argument("--pull-request", type=int, default=os.environ.get("PULL_REQUEST") or None, metavar="NUMBER")
    chosen = parser.parse_args(argv)
    base = os.environ.get("GITHUB_BASE_REF", "")
    stack = stacks.checked(chosen.stack or (stacks.of_branch(base) if base else ""))
    pulumi = Pulumi(stack)
    if chosen.pull_request:
        _comment(pulumi, chosen.pull_request)
        return 0
    plan = previewed(pulumi).plan
    sys.stdout.write(f"{json.dumps(plan.document(), indent=2)}\n" if chosen.json else shown(plan))
    return 0


def _comment(pulumi: Pulumi, number: int) -> None:
    door, stack = github.from_environment(), pulumi.stack
    try:
        found = previewed(pulumi)
        text = pulumi.do("preview", "--diff")
    except PulumiError as error:
        failed = f"### Preview of `{stack}` failed\n\n```\n{str(error)[:4000]}\n```\n"
        workflow.summary(failed)
        comment.put(door, number, subject(stack), failed)
        raise
    sys.stdout.write(shown(found.plan))
    workflow.summary(f"{head(found)}\n```diff\n{text[:_LONGEST_SUMMARY]}\n```\n")
    address = comment.put(door, number, subject(stack), body(found, text))
    workflow.notice(f"{stack}: {headline(found.plan)}; {address}")


if __name__ == "__main__":
    sys.exit(workflow.run(main))
