"""Asks a person, in a terminal or, line by line, through standard input. Secrets are never shown."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from typing import TextIO

from convos_infra.errors import InfraError
from ops.printable import escaped, log_line
from railway_api.failure import Failure

TRIES = 5
"""How often a question is repeated after an invalid answer: standard input may contain no valid one."""


class Interview:
    """Asks questions.

    Args:
        given: where answers come from.
        out: where questions go.
    """

    def __init__(self, given: TextIO | None = None, out: TextIO | None = None) -> None:
        self._given = given or sys.stdin
        self._out = out or sys.stdout

    def say(self, text: str) -> None:
        """Print one line."""
        self._out.write(log_line(f"  {escaped(text)}\n"))
        self._out.flush()

    def ask(self, question: str, default: str = "", *, secret: bool = False) -> str:
        """Return an answer without surrounding whitespace; an empty one is the default.

        Args:
            question: one line, without a question mark at its end.
            default: what an empty answer means; it is shown, so it must not be a secret.
            secret: whether a terminal must not show what is typed.

        Raises:
            InfraError: there are no more answers.
        """
        prompt = f"  ? {question}{f' [{default}]' if default else ''}: "
        if secret and self._given.isatty():
            answer = getpass.getpass(prompt)
        else:
            self._out.write(prompt)
            self._out.flush()
            answer = self._given.readline()
            if not answer:
                self._out.write("\n")
                raise InfraError("first-deploy", "standard input has no more answers", "run the same command again")
            if not self._given.isatty():
                self._out.write("\n")
        return answer.strip() or default

    def until(self, question: str, accept: Callable[[str], str], default: str = "", *, secret: bool = False) -> str:
        """Ask until an answer is accepted, and return what `accept` made of it.

        Args:
            question: as in `ask`.
            accept: raises a failure if the answer is invalid; its text is shown, and the question is repeated.
            default: as in `ask`.
            secret: as in `ask`.

        Raises:
            Failure: no answer was accepted.
        """
        for left in reversed(range(TRIES)):
            answer = self.ask(question, default, secret=secret)
            try:
                return accept(answer)
            except Failure as error:
                if not left:
                    raise
                self.say(str(error))
        raise AssertionError

    def agrees(self, question: str) -> bool:
        """Return whether a person says yes; anything else is no."""
        return self.ask(f"{question} (yes or no)", "no").lower() in ("y", "yes")
