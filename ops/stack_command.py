"""What the commands about one stack have in common: `--stack`, `--json`, numbers among their arguments, progress."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from ops.printable import log_line


class CommandParser(argparse.ArgumentParser):
    """Says in one line what is wrong with the arguments: people give them as variables of make."""

    def error(self, message: str) -> NoReturn:
        """End the program with exit code 2."""
        self.exit(2, log_line(f"error: {self.prog}: {message}; see {self.prog.replace('ops ', 'ops/run ')} --help\n"))


def stack_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """Return the parser of a command about one stack, which the environment may name as well (`make … STACK=…`).

    Args:
        name: the command's.
        description: what it does.
    """
    parser = CommandParser(prog=f"ops {name}", description=description)
    parser.add_argument("--stack", default=os.environ.get("STACK", ""))
    return parser


def add_json(parser: argparse.ArgumentParser) -> None:
    """Let a command print one JSON document."""
    parser.add_argument("--json", action="store_true", help="for scripts")


def number(least: int, most: int, hint: str = "") -> Callable[[str], int]:
    """Return what reads an argument as a number of this range.

    Args:
        least: the least that is allowed.
        most: the most.
        hint: what the error ends with.
    """

    def read(text: str) -> int:
        if not text:
            raise argparse.ArgumentTypeError(f"a number from {least} to {most} is missing{hint}")
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"must be a number from {least} to {most}, not {text[:20]!r}{hint}")
        return int(text)

    return read


def say(line: str) -> None:
    """Print a line of progress, beside the output that scripts read."""
    sys.stderr.write(log_line(f"  {line}\n"))
