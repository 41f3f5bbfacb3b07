"""Which image revisions work with a schema: what `-- requires-image` of a migration says. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convos_infra.schema.migration import Migration


def requirement(migrations: Sequence[Migration], target: str = "") -> Migration | None:
    """Return the last migration, up to `target`, that needs a newest-enough image; None where none does."""
    asking = [one for one in migrations if one.directives.requires_image and (not target or one.version <= target)]
    return asking[-1] if asking else None


def warning(
    migrations: Sequence[Migration], pinned: str, is_older: Callable[[str, str], bool], target: str = ""
) -> str:
    """Return what to tell about an image that is too old for the schema; the empty string where it is not.

    Args:
        migrations: all files, in order.
        pinned: the revision that is to be deployed: a tag such as `sha-1a2b3c4`.
        is_older: tells whether the first of two revisions is older than the second: git or the registry knows.
        target: the version that the schema is brought to; empty for the newest.
    """
    asking = requirement(migrations, target)
    if asking is None or not is_older(pinned, asking.directives.requires_image):
        return ""
    needed = asking.directives.requires_image
    return f"imageTag: {pinned} is older than {needed}, the oldest that works with {asking.file}; pin {needed} or newer"
