"""Progress of a provider: lines for people, and the same as records for a program that draws them."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress

from railway_api.printable import escaped

FILE_VARIABLE = "CONVOS_PROGRESS_FILE"
"""The environment variable with the path of the file to which records are appended; if not set, none are written."""


class WaitStage(str):
    """How far a wait has come. As a text it is the line for people: `convos-runtime-canary: DEPLOYING, 12 s`.

    Attributes:
        subject: what is waited for: a service's name, or `agents`.
        said: what is known of it now.
    """

    __slots__ = ("said", "subject")
    subject: str
    said: str

    def __new__(cls, subject: str, said: str, seconds: float) -> WaitStage:
        """Return a stage.

        Args:
            subject: what is waited for.
            said: what is known of it now.
            seconds: since the wait began.
        """
        made = super().__new__(cls, f"{subject}: {said}, {seconds:.0f} s")
        made.subject, made.said = subject, said
        return made


def say(text: str) -> None:
    """Print a progress line: Pulumi shows what a provider writes to stderr under the running update."""
    print("\n".join(map(escaped, text.split("\n"))), file=sys.stderr, flush=True)  # noqa: T201
    if isinstance(text, WaitStage):
        record(text.subject, text.said)


def record(subject: str, said: str) -> None:
    """Add a record for the program that draws the update, if one does; it has no line of its own.

    Args:
        subject: what is waited for.
        said: what is known of it now, without any secret.
    """
    name = os.environ.get(FILE_VARIABLE, "")
    if not name:
        return
    row = json.dumps({"subject": subject, "said": said})
    # An update must not fail because its progress cannot be shown.
    with suppress(OSError), open(name, "a", encoding="utf-8") as file:  # noqa: PTH123 - one write adds one line
        file.write(f"{row}\n")
