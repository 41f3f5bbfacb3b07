"""What a run would do, from the files and what is applied; refuses what cannot be right. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from convos_infra.errors import InfraError

if TYPE_CHECKING:
    from convos_infra.schema.migration import MigrationFile


class AppliedFile(Protocol):
    """An applied migration, as far as a plan looks at it."""

    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def file(self) -> str: ...  # noqa: D102
    @property
    def checksum(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class MigrationPlan:
    """What a run would do.

    Args:
        baseline: migrations that are only marked as applied.
        pending: migrations that are run, in order.
        version: what the database is at afterwards; empty for nothing.
    """

    baseline: tuple[MigrationFile, ...]
    pending: tuple[MigrationFile, ...]
    version: str

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.baseline and not self.pending

    def done(self, migrations: Sequence[MigrationFile]) -> list[MigrationFile]:
        """Return those of `migrations` that come before the pending ones."""
        return [one for one in migrations if not self.pending or one.version < self.pending[0].version]


def make_plan(
    migrations: Sequence[MigrationFile], applied: Sequence[AppliedFile], target: str = "", baseline: str = ""
) -> MigrationPlan:
    """Return what is to do.

    Args:
        migrations: all files, in order and without a gap.
        applied: what the database has.
        target: the last version to apply; empty for all.
        baseline: a database without a history has everything up to this version.

    Raises:
        InfraError: a target that is not there, or files that disagree with what is applied.
    """
    versions = [one.version for one in migrations]
    for key, value in (("target", target), ("baseline", baseline)):
        if value and value not in versions:
            newest = versions[-1] if versions else "none"
            raise InfraError(key, f"there is no migration {value[:20]}", f"the newest is {newest}")
    _refuse_disagreement(migrations, applied)
    last = max((one.version for one in applied), default="")
    if target and target < last:
        raise InfraError("target", f"the database is at {last}, after {target}", "migrations only go forward")
    pending = [one for one in migrations if one.version > last and (not target or one.version <= target)]
    marked = [one for one in pending if baseline and not applied and one.version <= baseline]
    pending = pending[len(marked) :]
    return MigrationPlan(tuple(marked), tuple(pending), (marked + pending)[-1].version if marked + pending else last)


def _refuse_disagreement(migrations: Sequence[MigrationFile], applied: Sequence[AppliedFile]) -> None:
    by_version = {one.version: one for one in migrations}
    newest = migrations[-1].version if migrations else ""
    for expected, done in enumerate(applied, start=1):
        file = by_version.get(done.version)
        if file is None and done.version > newest:
            problem = f"the database has it, and this program ends at {newest or 'nothing'}"
            raise InfraError(done.file, problem, "run a program that is at least as new")
        if file is None:
            raise InfraError(done.file, "was applied, and its file is gone", "bring it back from git")
        if int(done.version) != expected:
            missing = by_version[f"{expected:04}"]
            problem = f"was put before {done.file}, which is applied already"
            raise InfraError(missing.file, problem, f"number it {int(newest) + 1:04}")
        if file.file != done.file:
            raise InfraError(file.file, f"was applied as {done.file}", "give it its old name back")
        if file.checksum != done.checksum:
            problem = "was changed after it was applied"
            raise InfraError(file.file, problem, "bring the old text back from git, and change in a new migration")
