"""Output of a script to the GitHub workflow that runs it: the job's summary, annotations and exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from ops.printable import escaped, log_line
from railway_api.failure import Failure

INTERRUPTED, UNREAD = 128 + signal.SIGINT, 128 + signal.SIGPIPE
"""The exit codes of a program that Ctrl-C ended, and of one whose output nobody reads any more."""


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
    """Run a script and return its exit code; an expected error is printed as one line, without a traceback.

    Ctrl-C ends it with 130, and a reader that has gone away (`make logs … | head`) with 141, as a shell reports both.
    """
    try:
        code = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # At exit Python would try to write the rest, and print a second error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except Failure as error:
        _annotate("error", str(error))
        return 1
    except ValueError as error:
        _annotate("error", " ".join(str(error).split()))
        return 1
    return code


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
