"""What went wrong once, and the tests that show that it does not any more."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        was: what happened.
        tests: `file::function` of those that show that it does not happen any more.
    """

    was: str
    tests: tuple[str, ...]


def of(file: str, *functions: str) -> tuple[str, ...]:
    """Return tests of one file by the ends of their names, which all begin with `test_`."""
    return tuple(f"tests/{file}.py::test_{function}" for function in functions)
