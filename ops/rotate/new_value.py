"""The new value of a key: from standard input or a terminal, never from an argument."""

from __future__ import annotations

import getpass
import secrets
import sys

from convos_infra.errors import InfraError

API_KEY = "POOL_API_KEY"
"""The pool's own key: the stack may make a value for it."""
_RANDOM_BYTES = 32
_LONGEST = 100_000


def asked(variable: str, stack: str) -> str:
    """Ask for a value: without echo in a terminal, else all of standard input.

    Raises:
        InfraError: a key cannot have this value.
    """
    given = getpass.getpass(f"new value of {variable} for {stack}: ") if sys.stdin.isatty() else sys.stdin.read()
    return checked(variable, given)


def checked(variable: str, given: str) -> str:
    """Return a value as it was given, without the line break at its end; an empty pool key is made at random.

    Raises:
        InfraError: it is empty or too long, begins or ends with whitespace, or contains a control character.
    """
    value = given.removesuffix("\n").removesuffix("\r")
    if not value and variable == API_KEY:
        return secrets.token_hex(_RANDOM_BYTES)
    if not value.strip():
        step = f"make rotate STACK=… KEY={variable} < file, or type it in a terminal; RESUME=1 takes the config's"
        raise InfraError(variable, "no new value was given", step)
    if value != value.strip() or not value.isprintable():
        problem = "the new value begins or ends with whitespace, or contains a control character"
        raise InfraError(variable, problem, "give one line")
    if len(value) > _LONGEST:
        raise InfraError(variable, f"the new value has more than {_LONGEST} characters", "is this the right file?")
    return value
