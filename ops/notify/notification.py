"""A notification, as generic JSON or in Slack's format. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ops.printable import escaped

MOST_LINES = 20
MOST_CHARACTERS = 300
"""The longest line: an error may quote a long text."""


class Kind(StrEnum):
    """What happened."""

    DEPLOY = "deploy"
    ROLLOUT = "rollout"
    DRIFT = "drift"
    FAILURE = "failure"
    TRIAL = "trial"


@dataclass(frozen=True)
class Notification:
    """One message.

    Attributes:
        kind: what happened.
        stack: the stack's name.
        title: one line.
        lines: its details, such as the services that were deployed.
        is_well: False if a person has to act.
        commit: the commit; empty if there is none.
        link: the URL of the details; empty if there are none.
    """

    kind: Kind
    stack: str
    title: str
    lines: tuple[str, ...] = ()
    is_well: bool = True
    commit: str = ""
    link: str = ""

    def generic(self) -> dict[str, Any]:
        """Return it as JSON for any receiver; the names of its fields do not change."""
        return {
            "event": str(self.kind),
            "stack": self.stack,
            "ok": self.is_well,
            "title": _line(self.title),
            "lines": self._shown(),
            "commit": self.commit,
            "link": self.link,
        }

    def slack(self) -> dict[str, Any]:
        """Return it as Slack's incoming webhooks take it (docs.slack.dev, formatting message text)."""
        sign = ":white_check_mark:" if self.is_well else ":rotating_light:"
        head = f"{sign} *{_for_slack(self.stack)}* {self.kind}: {_for_slack(_line(self.title))}"
        rows = [f"• {_for_slack(line)}" for line in self._shown()]
        tail = (
            [f"<{self.link}|the run>"] if self.link.startswith("https://") and not set(self.link) & set("<>| ") else []
        )
        return {"text": "\n".join([head, *rows, *tail])}

    def _shown(self) -> list[str]:
        shown = [_line(line) for line in self.lines[:MOST_LINES]]
        left = len(self.lines) - len(shown)
        return [*shown, f"… and {left} more"] if left else shown


def _line(text: str) -> str:
    return escaped(" ".join(text.split()))[:MOST_CHARACTERS]


def _for_slack(text: str) -> str:
    # These three alone are special; a title such as <!channel> must not page everybody.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def run_link(environ: Mapping[str, str]) -> str:
    """Return the URL of the GitHub Actions run; empty outside of one."""
    server, repository, run = (environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else ""
