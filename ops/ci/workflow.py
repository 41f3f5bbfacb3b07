"""Output of a script to the GitHub workflow that runs it: the job's summary, annotations and exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from ops.printable import escaped, log_line
from railway_api.failure import Failure


def summary(text: str) -> None:
    """Add to the job's summary, or print it outside of a workflow; terminal control sequences are escaped."""
    _append("GITHUB_STEP_SUMMARY", "".join(log_line(f"{line}\n") for line in text.removesuffix("\n").split("\n")))


def notice(text: str) -> None:
    """Show a notice on the page of the run."""
    _annotate("notice", text)


def warning(text: str) -> None:
    """Show a warning on the page of the run."""
    _annotate("warning", text)


def run(main: Callable[[], int]) -> int:
    """Run a script and return its exit code; an expected error is printed as one line, without a traceback."""
    try:
        return main()
    except Failure as error:
        _annotate("error", str(error))
    except ValueError as error:
        _annotate("error", " ".join(str(error).split()))
    return 1


def _annotate(kind: str, text: str) -> None:
    # GitHub reads workflow commands from both streams, and a line break ends a command.
    line = escaped(" ".join(text.split()))
    sys.stderr.write(f"::{kind}::{line}\n" if os.environ.get("GITHUB_ACTIONS") else f"{kind}: {line}\n")


def _append(variable: str, text: str) -> None:
    name = os.environ.get(variable)
    if name:
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(text)
    else:
        sys.stdout.write(text)
