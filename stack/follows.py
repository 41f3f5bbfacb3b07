"""The keys of a stack's config that default to the stack's name: `pulumi stack rename` changes their values too."""

from __future__ import annotations

from collections.abc import Callable

ENVIRONMENT = "environment"


def follows_stack(value: Callable[[str], str | None]) -> tuple[str, ...]:
    """Return the keys that are not set and whose default is the stack's name.

    Args:
        value: returns a key's value in the stack's config, or None.
    """

    def is_on(key: str) -> bool:
        return value(key) not in (None, "", "false")

    follows = {
        ENVIRONMENT: True,
        # A pin and a build choose the image without the stack's name.
        "imageBranchTag": not is_on("imageTag") and not is_on("imageBuild"),
        "poolBranch": is_on("poolRepo"),
        "poolEnvironment": True,
    }
    return tuple(key for key, counts in follows.items() if counts and not is_on(key))
