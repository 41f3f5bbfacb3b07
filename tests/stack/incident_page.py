"""docs/incidents.md, read and not repeated: what a section says in its `sh` block is what is run."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.stack.fix_stack import ROOT, Done, LocalStack

PAGE = (ROOT / "docs" / "incidents.md").read_text(encoding="utf-8")


def commands(title: str) -> list[str]:
    """Return the commands of a section of the page."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert block, title
    return block[1].strip().splitlines()


@dataclass(frozen=True)
class IncidentPage:
    """Plays sections on a local stack, `production` being `local`.

    Attributes:
        stack: the local stack.
        record: keeps a line for the summary of the run.
    """

    stack: LocalStack
    record: Callable[[str, object], None]

    def play(self, title: str, *skipped: str, **words: str) -> list[Done]:
        """Run the commands of a section, placeholders replaced; those that contain a skipped text are left out."""
        done, began, kept = list[Done](), time.monotonic(), list[str]()
        for command in commands(title):
            if any(one in command for one in skipped):
                continue
            kept.append(command)
            for placeholder, word in {"production": "local", **words}.items():
                command = command.replace(placeholder, word)
            done.append(self.stack.shell("sh", "-c", command))
        self.record("incident", (title, time.monotonic() - began, kept))
        return done


def all_well(done: list[Done]) -> None:
    """Assert that commands ended well, and that there were some."""
    for one in done:
        assert one.code == 0, one.text
    assert done
