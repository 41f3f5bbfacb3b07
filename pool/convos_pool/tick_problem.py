"""A problem of a tick, or a reason for which it waits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TickProblem:
    """A problem, with its identity.

    Attributes:
        cause: equal for the same problem, whatever the numbers in its message.
        words: one line; empty if there is no problem.
    """

    cause: tuple[str, ...] = ()
    words: str = ""


NO_PROBLEM = TickProblem()
