"""A documented command that writes a stack's config names the stack: another one may be selected."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
WRITES = re.compile(r"pulumi config (?:set|rm) (?=\S)[^`\n]*")


NAMES = ("runbook", "incidents", "ci", "pool", "from-scripts", "from-terraform")
PAGES = ("README.md", *(f"docs/{name}.md" for name in NAMES))
"""What people follow; configuration.md is a reference, whose commands have placeholders."""


def test_a_command_that_writes_a_config_names_its_stack() -> None:
    found = [
        f"{page}: {command}"
        for page in PAGES
        for text in re.findall(r"`([^`\n]+)`", (ROOT / page).read_text(encoding="utf-8"))
        for command in WRITES.findall(text)
        if "--stack" not in command.partition(" && ")[0]
    ]
    assert found == []


def test_every_command_of_an_incident_names_its_stack() -> None:
    page = (ROOT / "docs" / "incidents.md").read_text(encoding="utf-8")
    commands = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    assert len(commands) > 20
    assert [one for one in commands if "--stack production" not in one and "STACK=production" not in one] == []
