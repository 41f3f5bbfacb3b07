"""Looks whether somebody changed a stack's resources behind its back; fails, and keeps one issue a stack about it.

python -m ops drift --stack STACK
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from ops import stacks
from ops.ci import comment, github, workflow
from ops.notify.notification import Kind, Notification
from ops.notify.webhook import failures_told, send
from ops.pulumi_cli import Pulumi, PulumiError, last_error
from ops.stack_command import stack_parser

_NO_CHANGES = "no changes were expected"
_CHANGED = re.compile(
    r"^ *[~+-] +(?P<type>[\w-]+:[\w/-]+:\w+): \((?P<op>[\w-]+)\)\n.*\n *\[urn=\S*::(?P<name>\S+)\]", re.MULTILINE
)


def changed(text: str) -> list[str]:
    """Return what drifted, `update railway:Service pool-manager`, from the text of a refresh's preview."""
    return [
        f"{found['op']} {found['type'].removeprefix('pulumi-python:dynamic/')} {found['name']}"
        for found in _CHANGED.finditer(text)
    ]


def report(door: github.GitHub, stack: str, text: str) -> str:
    """Open the issue about a stack's drift, or update it in place; return its address."""
    head = f"{comment.marker(f'drift:{stack}')}\n`{stack}` is not as its last update left it:\n\n"
    head += "\n".join(f"- {line}" for line in changed(text)) + "\n"
    tail = f"\nKeep it: change the config, `pulumi refresh --stack {stack}`. Take it back: refresh, then `pulumi up`.\n"
    body = comment.cut(head, text, tail)
    known = _issue(door, stack)
    if known:
        return str(door.send("PATCH", f"issues/{known['number']}", {"body": body})["html_url"])
    written = door.send("POST", "issues", {"title": f"Drift: {stack}", "body": body})
    return str(written["html_url"])


def close(door: github.GitHub, stack: str) -> None:
    """Close the issue about a stack's drift, if there is one."""
    if known := _issue(door, stack):
        door.send("PATCH", f"issues/{known['number']}", {"state": "closed", "state_reason": "completed"})


def main(argv: Sequence[str] | None = None) -> int:
    """Refresh without writing; exit code 1 where something drifted, or where nobody could look.

    Outside of a workflow, which has GITHUB_TOKEN, no issue is kept.
    """
    parser = stack_parser("drift", __doc__)
    stack = stacks.checked(parser.parse_args(argv).stack)
    door = github.from_environment() if os.environ.get("GITHUB_TOKEN") else None
    with failures_told(stack, "the look for drift"):
        text = _looked(stack)
    if not text:
        workflow.summary(f"### `{stack}`: no drift")
        if door is not None:
            close(door, stack)
        return 0
    workflow.summary(f"### `{stack}` has drifted\n\n```diff\n{text[:900_000]}\n```")
    found = changed(text)
    address = report(door, stack, text) if door is not None else ""
    problem = f"{len(found)} resources are not as the last update left them"
    send(Notification(Kind.DRIFT, stack, problem, tuple(found), is_well=False, link=address))
    raise PulumiError(stack, problem, address or "docs/runbook.md: Somebody changed something on Railway")


def _looked(stack: str) -> str:
    """Return what a refresh would record, empty if nothing.

    Raises:
        PulumiError: nobody could look.
    """
    ran = Pulumi(stack).run("refresh", "--preview-only", "--diff", "--expect-no-changes")
    if ran.code == 0:
        return ""
    if _NO_CHANGES not in ran.text:
        raise PulumiError(stack, f"pulumi refresh: {last_error(ran.text)}")
    return ran.text


def _issue(door: github.GitHub, stack: str) -> dict[str, Any] | None:
    wanted = comment.marker(f"drift:{stack}")
    for issue in door.pages("issues", state="open", creator=github.BOT):
        if "pull_request" not in issue and str(issue.get("body") or "").startswith(wanted):
            return dict(issue)
    return None


if __name__ == "__main__":
    sys.exit(workflow.run(main))
