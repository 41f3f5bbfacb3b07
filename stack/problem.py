"""Problems of a stack's config, one per key, as data; text is made last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from convos_infra.errors import InfraError


@dataclass(frozen=True)
class Problem:
    """One mistake; never a secret.

    Attributes:
        key: the config key, or `keys.NAME`.
        what: what is wrong.
        next_step: what to do, preferably as a command; empty if `what` already says it.
    """

    key: str
    what: str
    next_step: str = ""

    def __str__(self) -> str:
        return str(InfraError(self.key, self.what, self.next_step))


class ConfigError(Exception):
    """All problems of a stack's config, one line each."""

    def __init__(self, found: Iterable[Problem]) -> None:
        self.found = tuple(found)
        self.lines = [str(problem) for problem in self.found]
        super().__init__("\n".join(self.lines))
