"""Converts the inputs of a `DatabaseSchema` to a `Job`. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from convos_infra.schema.apply import Job
from convos_infra.schema.limits import Limits, is_duration
from convos_infra.schema.migration import MigrationFile, parse
from convos_infra.schema.policy import ACCEPT, DROP, KEEP, REFUSE

if TYPE_CHECKING:
    from convos_infra.provider import Props


def job_of(props: Props) -> Job:
    """Return the job that the inputs describe.

    Raises:
        InfraError: an input has an invalid value.
    """
    if props.get("drift") not in (None, REFUSE, ACCEPT):
        raise InfraError("drift", f"cannot be {str(props['drift'])[:20]!r}", f"use {REFUSE} or {ACCEPT}")
    if props.get("onDestroy") not in (None, KEEP, DROP):
        raise InfraError("onDestroy", f"cannot be {str(props['onDestroy'])[:20]!r}", f"use {KEEP} or {DROP}")
    given = {"lockTimeout": Limits.lock_timeout, "statementTimeout": Limits.statement_timeout}
    for key, default in given.items():
        given[key] = str(props.get(key) or default)
        if not is_duration(given[key]):
            raise InfraError(key, f"cannot be {given[key][:20]!r}", "use a time such as 500ms, 5s or 2min")
    limits = Limits(
        connect_seconds=float(props.get("connectSeconds") or Limits.connect_seconds),
        lock_timeout=given["lockTimeout"],
        statement_timeout=given["statementTimeout"],
    )
    target, baseline = props.get("target") or "", props.get("baseline") or ""
    return Job(files_of(props), target, baseline, accept_drift=props.get("drift") == ACCEPT, limits=limits)


def files_of(props: Props) -> tuple[MigrationFile, ...]:
    """Return the migrations among the inputs, in the order of their versions.

    Raises:
        InfraError: one of them is not a migration.
    """
    return parse(props.get("migrations") or {})
