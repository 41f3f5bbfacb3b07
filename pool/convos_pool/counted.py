"""A number with its noun, in a message for people."""

from __future__ import annotations


def counted(count: int, one: str, many: str) -> str:
    """Return a number with the words that agree with it: `1 agent stays`, `2 agents stay`.

    Args:
        count: the number.
        one: the words after 1.
        many: the words after every other number.
    """
    return f"{count} {one if count == 1 else many}"
