"""One page about a stack as it is now: `make status STACK=… [JSON=1] [WATCH=1] [HTML=file]`.

python -m ops status --stack STACK [--json] [--watch] [--html FILE]. Exit code 0 if all is well; 3 if something differs
from what the last update left, or could not be read (its row says what); 1 if there is no such stack or Pulumi does not
answer. --watch polls every 5 seconds until it is interrupted, and ends with the code of its last poll: in a terminal
the page is redrawn, elsewhere each poll is one line. --html also writes the page as an HTML file. `ops/run status
--stack STACK` does the same with the checkout's Pulumi on PATH. GNU make ends with 2 and prints `Error 3`.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from ops import stacks
from ops.ci import workflow
from ops.stack_command import add_json, say, stack_parser
from ops.status.html_page import html_page
from ops.status.reading import read
from ops.status.rows import rows
from ops.status.source import now
from ops.status.terminal import has_colours, lines
from ops.status.views import DocumentView, LineView, PollResult, View, screen
from ops.status.watch import EVERY_SECONDS, watch
from ops.toolchain.store import write_atomically

if TYPE_CHECKING:
    import argparse

    from ops.status.report import Report

NOT_FINE = 3
"""The exit code if something is not as it should be, or could not be read."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the page."""
    chosen = _parser().parse_args(argv)
    stack = stacks.checked(chosen.stack)
    file = html_file(chosen.html) if chosen.html else None

    def poll() -> Report:
        at = now()
        report = read(stack, os.environ)
        if file is not None:
            _write(file, html_page(report, at))
        return report

    at = now()
    found = poll()
    if file is not None:
        say(f"written: {chosen.html}")
    if chosen.watch:
        with _view(stack, is_json=chosen.json) as view:
            last = watch(poll, PollResult(at, found), view)
            with contextlib.suppress(BrokenPipeError):
                view.end(last)
        return code(last)
    text = json.dumps(found.document(), indent=2) if chosen.json else "\n".join(lines(rows(found), colours=_colours()))
    sys.stdout.write(f"{text}\n")
    return code(PollResult(at, found))


def code(result: PollResult) -> int:
    """Return the exit code of a poll."""
    if isinstance(result.found, Exception):
        return 1
    return 0 if result.found.is_fine else NOT_FINE


def html_file(name: str) -> Path:
    """Return where the page is written.

    Raises:
        InfraError: the path is not a file.
    """
    file = Path(name).resolve()
    if file.exists() and not file.is_file():
        raise InfraError("HTML", f"{name} is not a file", "name a file, such as HTML=status.html")
    return file


def _write(file: Path, text: str) -> None:
    try:
        write_atomically(file, text)
    except OSError as error:
        raise InfraError("HTML", f"{file} cannot be written ({error.strerror})", "name another file") from None


def _view(stack: str, *, is_json: bool) -> AbstractContextManager[View]:
    if is_json:
        return contextlib.nullcontext(DocumentView(stack, sys.stdout))
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return contextlib.nullcontext(LineView(stack, sys.stdout))
    foot = f"Read again each {EVERY_SECONDS:.0f} s. Ctrl-C ends, and leaves the page."
    return screen(stack, sys.stdout, foot, colours=_colours())


def _colours() -> bool:
    return has_colours(os.environ, is_terminal=sys.stdout.isatty())


def _parser() -> argparse.ArgumentParser:
    parser = stack_parser("status", __doc__)
    add_json(parser)
    parser.add_argument("--watch", action="store_true", help=f"poll every {EVERY_SECONDS:.0f} seconds")
    parser.add_argument("--html", default="", metavar="FILE", help="also write the page as one HTML file")
    return parser


if __name__ == "__main__":
    sys.exit(workflow.run(main))
