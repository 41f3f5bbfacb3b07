"""What went wrong with a tick, or is held back by it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TickProblem:
    """A problem, and what tells it from another one.

    Attributes:
        cause: equal for the same problem, whatever the numbers in its words.
        words: one line; empty where nothing is wrong.
    """

    cause: tuple[str, ...] = ()
    words: str = ""


NO_PROBLEM = TickProblem()
