"""A retention plan as a file: what a dry run said would go, for the deleting run to compare."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from convos_infra.registry.descriptors import is_any_digest
from convos_infra.registry.reference import short_digest

if TYPE_CHECKING:
    from pathlib import Path

OLDEST = timedelta(hours=24)
"""A plan that is older says nothing about today's images."""


@dataclass(frozen=True)
class SavedPlan:
    """What would go.

    Attributes:
        made_at: the time that ages were measured from, with a time zone.
        doomed: the digests that would go, by repository.
    """

    made_at: datetime
    doomed: Mapping[str, tuple[str, ...]]


def write(file: Path, plan: SavedPlan) -> None:
    """Write a plan."""
    document = {"madeAt": plan.made_at.isoformat(), "doomed": {name: list(all_) for name, all_ in plan.doomed.items()}}
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def read(file: Path, now: datetime | None = None) -> SavedPlan:
    """Read a plan, as if a stranger had written it.

    Raises:
        InfraError: it is not there, not a plan, or too old.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        made_at = datetime.fromisoformat(document["madeAt"])
        doomed = {str(name): tuple(_digest(one) for one in found) for name, found in document["doomed"].items()}
        age = (now or datetime.now(UTC)) - made_at
    except OSError as error:
        raise InfraError("retention", f"cannot read {file.name}: {error.strerror}", "make a plan first") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise InfraError(
            "retention", f"{file.name} is not a retention plan", "make a new one without --delete"
        ) from None
    if not timedelta(0) <= age <= OLDEST:
        problem = f"{file.name} was made at {made_at:%Y-%m-%d %H:%M}, which is not within the last 24 hours"
        raise InfraError("retention", problem, "make a new one without --delete")
    return SavedPlan(made_at, doomed)


def check_same(saved: SavedPlan, repository: str, doomed: Sequence[str]) -> None:
    """Refuse to delete anything but what the plan said.

    Raises:
        InfraError: they differ; it names the first digest.
    """
    planned = set(saved.doomed.get(repository, ()))
    if more := sorted(set(doomed) - planned):
        problem = f"{repository}: {short_digest(more[0])} would go, and the plan does not have it ({len(more)} such)"
    elif fewer := sorted(planned - set(doomed)):
        problem = f"{repository}: {short_digest(fewer[0])} stays, and the plan deletes it ({len(fewer)} such)"
    else:
        return
    raise InfraError("retention", problem, "nothing was deleted: make a new plan")


def _digest(value: object) -> str:
    if not isinstance(value, str) or not is_any_digest(value):
        raise ValueError("not a digest")
    return value
