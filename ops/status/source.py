"""The source of a fact on the page: a request and its time, or the record of the stack's last update."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

Clock = Callable[[], datetime]


class Whom(StrEnum):
    """The sources that can be asked."""

    RAILWAY = "Railway"
    REGISTRY = "the registry"
    DATABASE = "the database"
    POOL_MANAGER = "the pool manager"
    BACKEND = "Pulumi's backend"
    CONFIG = "the stack's config file"


@dataclass(frozen=True)
class Asked:
    """A fact of the present.

    Attributes:
        whom: who was asked.
        at: when.
    """

    whom: Whom
    at: datetime

    def text(self) -> str:
        """Return it for a row: `asked Railway 18:40:02Z`."""
        return f"asked {self.whom} {self.at.astimezone(UTC):%H:%M:%SZ}"

    def document(self) -> dict[str, str]:
        """Return it for scripts."""
        return {"asked": str(self.whom), "at": stamp(self.at)}


@dataclass(frozen=True)
class Remembered:
    """A fact of the past.

    Attributes:
        at: when the last update ended, as Pulumi's backend has it; empty if it does not say.
    """

    at: str

    def text(self) -> str:
        """Return it for a row."""
        return f"as of the last update ({self.at or 'time unknown'})"

    def document(self) -> dict[str, str]:
        """Return it for scripts."""
        return {"lastUpdate": self.at}


Source = Asked | Remembered


def now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """Return a moment as the backend and Railway write it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
