"""Checks whether a stack's resources were changed outside of Pulumi; if so, fails and keeps one issue open per stack.

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
    head = f"{comment.marker(f'drift:{stack}')}\n`{stack}` has changed since its last update:\n\n"
    head += "\n".join(f"- {line}" for line in changed(text)) + "\n"
    tail = f"\nTo keep it, change the config and run `pulumi refresh --stack {stack}`. "
    tail += "To revert it, refresh, then run `pulumi up`.\n"
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
    """Preview a refresh; exit code 1 if something drifted or the refresh failed.

    The issue is kept only in a workflow.
    """
    parser = stack_parser("drift", __doc__)
    stack = stacks.checked(parser.parse_args(argv).stack)
    is_workflow = os.environ.get("GITHUB_ACTIONS") or os.environ.get("GITHUB_TOKEN")
    door = github.from_environment() if is_workflow else None
    with failures_told(stack, "drift check"):
        text = _refresh_preview(stack)
    if not text:
        workflow.summary(f"### `{stack}`: no drift")
        if door is not None:
            close(door, stack)
        return 0
    workflow.summary(f"### `{stack}` has drifted\n\n```diff\n{text[:900_000]}\n```")
    found = changed(text)
    address = report(door, stack, text) if door is not None else ""
    problem = f"{len(found)} resources have changed since the last update"
    send(Notification(Kind.DRIFT, stack, problem, tuple(found), is_well=False, link=address))
    raise PulumiError(stack, problem, address or "docs/runbook.md: Somebody changed something on Railway")


def _refresh_preview(stack: str) -> str:
    """Return what a refresh would record, empty if nothing.

    Raises:
        PulumiError: the refresh failed.
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
