"""Checks that an image revision works with a schema, by the `-- requires-image` of its migrations. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError

if TYPE_CHECKING:
    from convos_infra.schema.migration import MigrationFile

IsOlder = Callable[[str, str], bool]


def requirements(migrations: Sequence[MigrationFile], target: str = "") -> list[MigrationFile]:
    """Return every migration, up to `target`, that requires a minimum image revision."""
    return [one for one in migrations if one.requires_image and (not target or one.version <= target)]


def refusal(
    migrations: Sequence[MigrationFile], deployed: str, is_older: IsOlder, target: str = "", subject: str = "imageTag"
) -> InfraError | None:
    """Return the error for an image that is too old for the schema; None if it is new enough.

    Args:
        migrations: all files, in order.
        deployed: the revision to deploy: a tag such as `sha-1a2b3c4`, or a commit.
        is_older: tells whether the first of two revisions is older than the second, by git or the registry.
        target: the target version of the schema; empty for the newest.
        subject: the config key of the image.
    """
    unmet = [one for one in requirements(migrations, target) if is_older(deployed, one.requires_image)]
    if not unmet:
        return None
    needed = {one.requires_image: one.file for one in unmet}
    newest = [one for one in needed if not any(is_older(one, other) for other in needed)]
    told = " and ".join(f"{revision}, the oldest that works with {needed[revision]}" for revision in newest)
    return InfraError(subject, f"{deployed} is older than {told}", f"pin {' and '.join(newest)} or newer")
