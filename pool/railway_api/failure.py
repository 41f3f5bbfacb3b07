"""The form of every error that a user sees, in one line: the subject, what happened, and what to do next."""

from __future__ import annotations

from typing import Self

from railway_api.printable import escaped
from railway_api.redact import redact_urls


class Failure(Exception):
    """Something that a user must know about, in one line.

    Args:
        subject: what it happened to, in the user's words: a config key, a resource, `file:line`, an image reference.
        problem: what happened; the words of another system are quoted, and that system is named.
        next_step: what to do about it, preferably as a command; empty if the problem already says it.
    """

    def __init__(self, subject: str, problem: str, next_step: str = "") -> None:
        self.subject = subject
        self.problem = problem
        self.next_step = next_step
        super().__init__(str(self))

    def about(self, subject: str) -> Self:
        """Return the same failure with another subject, for each of several resources that shared a failed wait."""
        found = type(self).__new__(type(self))
        found.__dict__.update(self.__dict__)
        found.subject = subject
        found.args = (str(found),)
        return found

    def __str__(self) -> str:
        """Return the line, with white space folded, passwords in URLs masked and control characters escaped."""
        text = f"{self.subject}: {self.problem}" if self.subject else self.problem
        if self.next_step:
            text = f"{text}; {self.next_step}"
        return escaped(redact_urls(" ".join(text.split())))


def about(error: Exception, subject: str) -> Exception:
    """Return the error with another subject; any error but a `Failure` has no subject, and is returned unchanged."""
    return error.about(subject) if isinstance(error, Failure) else error
