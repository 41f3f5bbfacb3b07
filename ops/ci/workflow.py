"""What a script says to the workflow that runs it: the job's summary and annotations; and its one exit."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from ops.printable import escaped, log_line
from railway_api.failure import Failure


def summary(text: str) -> None:
    """Add to the job's summary; without a workflow, print it. Names and values of others in it steer no terminal."""
    _append("GITHUB_STEP_SUMMARY", "".join(log_line(f"{line}\n") for line in text.removesuffix("\n").split("\n")))


def notice(text: str) -> None:
    """Show a line on the run's page."""
    _annotate("notice", text)


def warning(text: str) -> None:
    """Show a warning on the run's page."""
    _annotate("warning", text)


def run(main: Callable[[], int]) -> int:
    """Run a script and return its exit code; what a user must know ends it in one line, never as a traceback."""
    try:
        return main()
    except Failure as error:
        _annotate("error", str(error))
    except ValueError as error:
        _annotate("error", " ".join(str(error).split()))
    return 1


def _annotate(kind: str, text: str) -> None:
    # GitHub reads commands from both streams, and takes a raw line break for the end of one.
    line = escaped(" ".join(text.split()))
    sys.stderr.write(f"::{kind}::{line}\n" if os.environ.get("GITHUB_ACTIONS") else f"{kind}: {line}\n")


def _append(variable: str, text: str) -> None:
    name = os.environ.get(variable)
    if name:
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(text)
    else:
        sys.stdout.write(text)
