"""`Hazard`: a change that a migration makes only with an explicit directive."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hazard:
    """A change that a file must allow explicitly.

    Attributes:
        rule: the rule, as in `-- allow: rule object`; empty if it cannot be allowed.
        target: a table, or `table.column`.
        says: what it does, for people.
        line: the line in the file, from 1.
        instead: what to do, if it cannot be allowed.
    """

    rule: str
    target: str
    says: str
    line: int
    instead: str = "remove it"

    @property
    def allowance(self) -> str:
        """The directive's value that allows it."""
        return f"{self.rule} {self.target}"
