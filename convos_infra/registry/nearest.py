"""Finds the tags that a person may have meant. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

_COMMIT_TAG = re.compile(r"sha-([0-9a-f]{4,40})")
# Signatures and attestations in cosign's tag scheme (`sha256-<hex>.sig`) are never meant.
_ATTACHED = re.compile(r"sha256-[0-9a-f]{64}(?:\..+)?")
_LONGEST_COMPARED = 64
_SHORTEST_PART = 3
_ENOUGH = 8


def nearest(asked: str, tags: Iterable[str], most: int = 3) -> list[str]:
    """Return the tags that resemble `asked`, the nearest first; empty if there is none.

    A tag that contains `asked`, or is contained in it, comes before all others (`prod`, or a commit without `sha-`). If
    two tags are equally many edits away, the one with the longer common prefix comes first.
    """
    limit = max(2, len(asked) // 2)
    ranked: list[tuple[bool, int, int, str]] = []
    worst = limit  # for tags that are not contained: with more edits they cannot be among the nearest
    for tag in set(tags):
        if _ATTACHED.fullmatch(tag):
            continue
        contained = min(len(asked), len(tag)) >= _SHORTEST_PART and (asked in tag or tag in asked)
        if not contained and _least_distance(asked, tag) > worst:
            continue
        distance = _distance(asked, tag)
        if contained or distance <= worst:
            ranked.append((not contained, distance, -_common_prefix(asked, tag), tag))
            if len(ranked) > _ENOUGH * most:
                ranked = sorted(ranked)[:most]
                worst = ranked[-1][1] if ranked[-1][0] else worst
    return [tag for *_, tag in sorted(ranked)][:most]


def _least_distance(one: str, other: str) -> int:
    """Return a lower bound of the edits between two texts: the number of characters that only one of them has."""
    one, other = one[:_LONGEST_COMPARED], other[:_LONGEST_COMPARED]
    surplus = Counter(one)
    surplus.subtract(other)
    counts = surplus.values()
    return max(sum(count for count in counts if count > 0), -sum(count for count in counts if count < 0))


def commit_of(tag: str) -> str:
    """Return the hex digits of a `sha-…` tag, or the empty string for any other tag."""
    match = _COMMIT_TAG.fullmatch(tag)
    return match[1] if match else ""


def same_commit(asked: str, tags: Iterable[str]) -> list[str]:
    """Return the `sha-…` tags that may be the commit of `asked`: one is a prefix of the other."""
    wanted = commit_of(asked)
    if not wanted:
        return []
    commits = {tag: commit_of(tag) for tag in tags}
    return sorted(tag for tag, have in commits.items() if have and (have.startswith(wanted) or wanted.startswith(have)))


def _common_prefix(one: str, other: str) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _distance(one: str, other: str) -> int:
    """Count the edits between two tags (Levenshtein), using their first 64 characters."""
    one, other = one[:_LONGEST_COMPARED], other[:_LONGEST_COMPARED]
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        previous, row[0] = row[0], i
        for j, b in enumerate(other, start=1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]
