"""What an address answered, call by call and without secrets; scenarios can be replayed on it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from railway_api.failure import Failure
from railway_api.transport import operation_name

_SECRET_OPERATIONS = frozenset({"projectTokenCreate"})
_HIDDEN = "hidden"


class Call(BaseModel):
    """One call of a scenario.

    Attributes:
        operation: the name of the operation.
        document: the beginning of the document's SHA-256: a changed scenario is not compared with old answers.
        data: the answer; None for a refusal.
        kind, message: of a refusal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    operation: str
    document: str
    data: Mapping[str, Any] | None = None
    kind: str = ""
    message: str = ""

    @classmethod
    def answered(cls, document: str, data: Mapping[str, Any]) -> Call:
        """Return a call that was answered; a token that it made is left out."""
        name = operation_name(document)
        shown = dict.fromkeys(data, _HIDDEN) if name in _SECRET_OPERATIONS else data
        return cls(operation=name, document=_digest(document), data=shown)

    @classmethod
    def refused(cls, document: str, kind: str, message: str) -> Call:
        """Return a call that was refused."""
        return cls(operation=operation_name(document), document=_digest(document), kind=kind, message=message)


def _digest(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()[:12]


class Recording:
    """The calls of one scenario, in their order."""

    def __init__(self, calls: Iterable[Call] = ()) -> None:
        self.calls = list(calls)
        self._next = 0

    def add(self, call: Call) -> None:
        """Write a call down."""
        self.calls.append(call)

    def take(self, document: str) -> Call:
        """Return the next call.

        Raises:
            Failure: the recording has no answer to this document here: the scenario has changed.
        """
        if self._next >= len(self.calls) or self.calls[self._next].document != _digest(document):
            asked = operation_name(document)
            raise Failure("the recording", f"it has no answer to {asked} here", "record it again with REAL=1")
        self._next += 1
        return self.calls[self._next - 1]
