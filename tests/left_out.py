"""The last line of a run: what was skipped or left out, and the command that runs it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import pytest

from tests.needs import SEPARATOR

MARK = "minutes_long"
OUTPUT = "left_out"
"""The key under which a worker of xdist hands its commands on."""
COMMANDS = pytest.StashKey[set[str]]()


def leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take the tests that were not asked for out of a list; their commands are kept for the last line."""
    marks = {item: item.get_closest_marker(MARK) for item in items}
    later = [item for item, mark in marks.items() if mark is not None and not mark.kwargs["asked"]]
    config.stash.setdefault(COMMANDS, set()).update(str(mark.args[0]) for item in later if (mark := marks[item]))
    if later:
        items[:] = [item for item in items if item not in set(later)]
        config.hook.pytest_deselected(items=later)


def reasons(skipped: Iterable[pytest.TestReport]) -> list[str]:
    """Return the reasons of skipped tests, without pytest's own word before them."""
    found = (report.longrepr for report in skipped)
    return [str(why[2]).removeprefix("Skipped: ") for why in found if isinstance(why, tuple)]


def last_line(skipped: Sequence[str], commands: Iterable[str]) -> str:
    """Return the last line of a run; empty if everything ran.

    Args:
        skipped: the reason of each skipped test (`tests.needs`).
        commands: what runs the tests that were left out.
    """
    by_command = Counter(reason.partition(SEPARATOR)[2] or reason for reason in skipped)
    parts = [f"{count} skipped until: {command}" for command, count in by_command.most_common()]
    parts += [f"minutes long, by themselves: {', '.join(sorted(commands))}"] if commands else []
    return "; ".join(parts)
