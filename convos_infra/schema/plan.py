"""Plans a run from the files and the applied migrations; refuses contradictions. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from convos_infra.errors import InfraError

if TYPE_CHECKING:
    from convos_infra.schema.migration import MigrationFile


class AppliedFile(Protocol):
    """An applied migration, with the attributes that a plan needs."""

    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def file(self) -> str: ...  # noqa: D102
    @property
    def checksum(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class MigrationPlan:
    """The plan of a run.

    Attributes:
        baseline: migrations that are only marked as applied.
        pending: migrations that are run, in order.
        version: the version of the database afterwards; empty if it has none.
    """

    baseline: tuple[MigrationFile, ...]
    pending: tuple[MigrationFile, ...]
    version: str

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.baseline and not self.pending

    def done(self, migrations: Sequence[MigrationFile]) -> list[MigrationFile]:
        """Return the migrations that come before the pending ones."""
        return [one for one in migrations if not self.pending or one.version < self.pending[0].version]


def make_plan(
    migrations: Sequence[MigrationFile], applied: Sequence[AppliedFile], target: str = "", baseline: str = ""
) -> MigrationPlan:
    """Plan a run.

    Args:
        migrations: all files, in order and without a gap.
        applied: the applied migrations.
        target: the last version to apply; empty for all.
        baseline: the version that a database without a history already has.

    Raises:
        InfraError: the target does not exist, or the files contradict the applied migrations.
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
            problem = f"the database has it, but this program ends at {newest or 'nothing'}"
            raise InfraError(done.file, problem, "run a program that is at least as new")
        if file is None:
            raise InfraError(done.file, "was applied, but its file is gone", "restore it from git")
        if int(done.version) != expected:
            missing = by_version[f"{expected:04}"]
            problem = f"was inserted before {done.file}, which is applied already"
            raise InfraError(missing.file, problem, f"number it {int(newest) + 1:04}")
        if file.file != done.file:
            raise InfraError(file.file, f"was applied as {done.file}", "give it its old name back")
        if file.checksum != done.checksum:
            problem = "was changed after it was applied"
            raise InfraError(file.file, problem, "restore its text from git, and make the change in a new file")
