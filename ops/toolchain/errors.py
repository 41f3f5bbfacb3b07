"""The format of all errors: the thing, what happened, what to do next; one line."""

from __future__ import annotations

from railway_api.printable import escaped


class ToolError(Exception):
    """A tool or a service that is missing or does not work, reported in one line.

    Args:
        subject: the tool or the step.
        problem: what happened.
        next_step: preferably a command that fixes it.
    """

    def __init__(self, subject: str, problem: str, next_step: str = "") -> None:
        self.subject = subject
        self.problem = problem
        self.next_step = next_step
        super().__init__(str(self))

    def __str__(self) -> str:
        """Return the one line, with whitespace folded; output of a program in it cannot control the terminal."""
        text = f"{self.subject}: {self.problem}" + (f"; {self.next_step}" if self.next_step else "")
        return escaped(" ".join(text.split()))
