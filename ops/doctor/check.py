"""One question of `make doctor`, and its answer. Pure but for asking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ops.printable import escaped, log_line
from railway_api.failure import Failure


class Diagnosis(StrEnum):
    """The result of a question."""

    WELL = "ok"
    WRONG = "wrong"
    UNASKED = "not asked"


@dataclass(frozen=True)
class Check:
    """One answer.

    Attributes:
        subject: what was asked about.
        diagnosis: the result.
        text: what was found, or what is wrong and what to do.
    """

    subject: str
    diagnosis: Diagnosis
    text: str

    def document(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {"subject": self.subject, "diagnosis": str(self.diagnosis), "text": self.text}


def asked(subject: str, ask: Callable[[], str]) -> Check:
    """Ask, and return the answer; a failure is an answer as well."""
    try:
        return Check(subject, Diagnosis.WELL, ask())
    except Failure as error:
        return Check(subject, Diagnosis.WRONG, str(error))


def lines(checks: list[Check]) -> list[str]:
    """Return the answers for people."""
    wide = max(len(one.subject) for one in checks)
    said = max(len(one.diagnosis) for one in checks)
    rows = (f"  {one.subject:<{wide}}  {one.diagnosis:<{said}}  {escaped(one.text)}" for one in checks)
    return [log_line(row) for row in rows]
