"""A retention plan as a file: what a dry run would delete, for the deleting run to compare with."""

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
"""The oldest plan that may be carried out."""


@dataclass(frozen=True)
class SavedPlan:
    """The digests to delete.

    Attributes:
        made_at: the time from which ages were measured, with a time zone.
        doomed: the digests that would be deleted, by repository.
    """

    made_at: datetime
    doomed: Mapping[str, tuple[str, ...]]


def write(file: Path, plan: SavedPlan) -> None:
    """Write a plan to a file."""
    document = {"madeAt": plan.made_at.isoformat(), "doomed": {name: list(all_) for name, all_ in plan.doomed.items()}}
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def read(file: Path, now: datetime | None = None) -> SavedPlan:
    """Read and validate a plan.

    Raises:
        InfraError: the file is missing, is not a plan, or is too old.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        made_at = datetime.fromisoformat(document["madeAt"])
        doomed = {str(name): tuple(_digest(one) for one in found) for name, found in document["doomed"].items()}
        age = (now or datetime.now(UTC)) - made_at
    except OSError as error:
        raise InfraError(
            "retention", f"cannot read {file.name}: {error.strerror}", "create a plan first, without --delete"
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise InfraError(
            "retention", f"{file.name} is not a retention plan", "create a new one without --delete"
        ) from None
    if not timedelta(0) <= age <= OLDEST:
        problem = f"{file.name} was created at {made_at:%Y-%m-%d %H:%M}, which is not within the last 24 hours"
        raise InfraError("retention", problem, "create a new one without --delete")
    return SavedPlan(made_at, doomed)


def check_same(saved: SavedPlan, repository: str, doomed: Sequence[str]) -> None:
    """Refuse to delete anything that differs from the plan.

    Raises:
        InfraError: they differ; the error names the first digest.
    """
    planned = set(saved.doomed.get(repository, ()))
    if more := sorted(set(doomed) - planned):
        problem = (
            f"{repository}: {short_digest(more[0])} would be deleted, but is not in the plan ({len(more)} such digests)"
        )
    elif fewer := sorted(planned - set(doomed)):
        problem = (
            f"{repository}: {short_digest(fewer[0])} would be kept, but the plan deletes it ({len(fewer)} such digests)"
        )
    else:
        return
    raise InfraError("retention", problem, "nothing was deleted; create a new plan")


def _digest(value: object) -> str:
    if not isinstance(value, str) or not is_any_digest(value):
        raise ValueError("not a digest")
    return value
