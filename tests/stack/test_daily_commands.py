"""The commands of README.md and of the runbook that people type daily, run as they are written: `make incidents`."""

from __future__ import annotations

import os
import re

import pytest

from tests.stack.fix_stack import LocalStack
from tests.structure.documented import of

DAILY = frozenset(
    {
        *("agents", "backup", "cost", "doctor", "history", "images", "keys", "logs", "preview"),
        *("rollout-plan", "scale", "schema-plan", "status"),
    }
)
PAGES = ("README.md", "docs/runbook.md", "docs/first-deploy.md")
BY_HAND = ("<id>", "MOVE=", "ADD=", "DRAIN=", "END=", "FOLLOW=1", "RUN=")
"""What needs an agent's id, changes agents (the incidents do), or does not end by itself."""


def daily() -> list[str]:
    """Return the commands, what is in brackets left out, for the stack `local`."""
    found = []
    for one in of("make"):
        text = re.sub(r" ?\[[^\]]*\]", "", one.text)
        if (
            one.page in PAGES
            and one.words[1] in DAILY
            and "STACK=" in text
            and not any(word in text for word in BY_HAND)
        ):
            found.append(re.sub(r"STACK=\S+", "STACK=local", text).replace("sha-1a2b3c4", "PINNED"))
    return sorted(set(found))


def test_each_of_them_is_on_a_page() -> None:
    assert {text.split()[1] for text in daily()} == DAILY


@pytest.mark.stack
@pytest.mark.minutes_long("make incidents", asked=os.environ.get("INCIDENTS") == "1")
def test_each_of_them_runs_as_it_is_written(stack: LocalStack) -> None:
    tag = stack.outputs()["image"]["tag"]
    for left in stack.checkout.glob("backup.dump*"):
        left.unlink()  # an incident was played on the same stack
    failed = {}
    for text in daily():
        done = stack.shell("sh", "-c", text.replace("PINNED", tag))
        if done.code != 0:
            failed[text] = done.text
    assert failed == {}
