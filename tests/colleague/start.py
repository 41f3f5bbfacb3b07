"""Where a program begins, and the way in which a run of it may end."""

from __future__ import annotations

from dataclasses import dataclass

from tests.colleague.inside import Documents
from tests.railway.fix_resources import Made


class Killed(BaseException):
    """The process ended after Railway did something and before the state was written; nothing may catch it."""


@dataclass(frozen=True)
class Start:
    """An environment as a first update has left it.

    Attributes:
        documents: Railway's.
        state, needs: Pulumi's.
    """

    documents: Documents
    state: dict[str, Made]
    needs: dict[str, tuple[str, ...]]
