"""What the commands about one stack have in common: `--stack`, `--json`, numbers as arguments, questions, progress."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from ops.printable import log_line


class CommandParser(argparse.ArgumentParser):
    """Reports an invalid argument in one line, because people pass arguments as variables of make."""

    def error(self, message: str) -> NoReturn:
        """End the program with exit code 2."""
        self.exit(2, log_line(f"error: {self.prog}: {message}; see {self.prog.replace('ops ', 'ops/run ')} --help\n"))


def stack_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """Return the parser of a command about one stack; the environment variable STACK is the default of `--stack`.

    Args:
        name: the command's name.
        description: what it does.
    """
    parser = CommandParser(prog=f"ops {name}", description=description)
    parser.add_argument("--stack", default=os.environ.get("STACK", ""))
    return parser


def add_json(parser: argparse.ArgumentParser) -> None:
    """Let a command print one JSON document."""
    parser.add_argument("--json", action="store_true", help="for scripts")


def number(least: int, most: int, hint: str = "") -> Callable[[str], int]:
    """Return a function that reads an argument as a whole number.

    Args:
        least: the smallest allowed number.
        most: the largest.
        hint: the end of the error message.
    """

    def read(text: str) -> int:
        if not text:
            raise argparse.ArgumentTypeError(f"a number from {least} to {most} is missing{hint}")
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"must be a number from {least} to {most}, not {text[:20]!r}{hint}")
        return int(text)

    return read


def agrees(question: str) -> bool:
    """Ask on standard output, and return whether the answer on standard input is yes; anything else is no.

    Args:
        question: with its question mark.
    """
    sys.stdout.write(f"{question} [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def say(line: str) -> None:
    """Print a line of progress on standard error; scripts read standard output."""
    sys.stderr.write(log_line(f"  {line}\n"))
