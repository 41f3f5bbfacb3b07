"""Describes a pinned image, and a change from one image to another. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from convos_infra.checkout import SHORT, Commits
from convos_infra.registry.resolve import ResolvedImage, age


@dataclass(frozen=True)
class PinDescription:
    """The description of a pin, for people.

    Attributes:
        line: the pinned image; always present.
        warnings: each a line of its own.
    """

    line: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Branch:
    """The image that a stack would follow without a pin.

    Attributes:
        tag: the followed tag.
        digest: empty if the image would be built, or if the tag was not found.
        revision: its commit; empty if the image does not tell.
    """

    tag: str
    digest: str = ""
    revision: str = ""


def history(commits: Commits | None) -> str:
    """Return `3 commits back`, `2 commits forward`, both for branches that diverged, or empty if that is unknown."""
    if commits is None:
        return ""
    parts = []
    if commits.lost:
        parts.append(f"{_count(commits.lost)} back")
    if commits.gained:
        parts.append(f"{_count(commits.gained)} forward")
    return ", ".join(parts) or "the same commit"


def describe(
    pinned: ResolvedImage, branch: Branch, ahead: Commits | None, now: datetime, old_after: timedelta, subject: str
) -> PinDescription:
    """Describe a pin.

    Args:
        pinned: the image.
        branch: the image that the stack would follow without the pin.
        ahead: the commits from the pinned image to the branch's; None if git does not tell.
        now: the time, with a time zone.
        old_after: the age from which there is a warning.
        subject: the config key of the pin.
    """
    words = [f"pinned: {pinned.tag or 'digest'} = {pinned.short_digest}"]
    if pinned.revision:
        words.append(f"revision {pinned.revision[:SHORT]}")
    if pinned.created:
        words.append("just built" if now - pinned.created < timedelta(minutes=1) else _built(pinned.created, now))
    warnings = []
    if pinned.created and now - pinned.created > old_after:
        warnings.append(
            f"{subject}: {pinned.tag or pinned.short_digest} is {age(pinned.created, now)}, "
            f"more than {old_after.days} days; follow the branch again: pulumi config rm {subject}"
        )
    if moved := _moved(pinned, branch, ahead):
        warnings.append(f"{subject}: {moved}; a pin wins until pulumi config rm {subject}")
    return PinDescription(", ".join(words), tuple(warnings))


def _moved(pinned: ResolvedImage, branch: Branch, ahead: Commits | None) -> str:
    if branch.digest == pinned.digest:
        return ""
    what = f"the branch tag {branch.tag}"
    if ahead is not None and ahead.gained and ahead.lost:
        return f"{what} has {_count(ahead.gained)} that the pin lacks, and lacks {ahead.lost}"
    if ahead is not None and ahead.gained:
        return f"{what} is {_count(ahead.gained)} ahead"
    if ahead is not None and ahead.lost:
        return f"{what} is {_count(ahead.lost)} behind"
    if not branch.digest:
        return ""
    at = f" (revision {branch.revision[:SHORT]})" if branch.revision else ""
    return f"{what} has moved on to {branch.digest[:15]}{at}"


def _built(created: datetime, now: datetime) -> str:
    return f"built {age(created, now).removesuffix(' old')} ago"


def _count(commits: int) -> str:
    return f"{commits} commit{'' if commits == 1 else 's'}"
