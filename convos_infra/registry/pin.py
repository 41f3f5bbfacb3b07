"""What to tell about a pinned image, and about a change from one image to another. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from convos_infra.checkout import SHORT, Commits
from convos_infra.registry.resolve import ResolvedImage, age


@dataclass(frozen=True)
class PinDescription:
    """What a person is told.

    Attributes:
        line: what is pinned, always there.
        warnings: each a line of its own.
    """

    line: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Branch:
    """The image that a stack would follow if nothing were pinned.

    Attributes:
        tag: what is followed.
        digest: empty for what would be built, and where the tag was not found.
        revision: its commit; empty where it does not say.
    """

    tag: str
    digest: str = ""
    revision: str = ""


def history(commits: Commits | None) -> str:
    """Return `3 commits back`, `2 commits forward`, both for branches that parted, or empty where nobody can tell."""
    if commits is None:
        return ""
    parts = []
    if commits.lost:
        parts.append(f"{_count(commits.lost)} back")
    if commits.gained:
        parts.append(f"{_count(commits.gained)} forward")
    return ", ".join(parts) or "the same commit"


def told(
    pinned: ResolvedImage, branch: Branch, ahead: Commits | None, now: datetime, old_after: timedelta, thing: str
) -> PinDescription:
    """Return what to tell about a pin.

    Args:
        pinned: the image.
        branch: what the stack follows otherwise.
        ahead: the commits from the pinned image to the branch's; None where git does not tell.
        now: with a time zone.
        old_after: from which age on there is a warning.
        thing: the config key that pins.
    """
    words = [f"pinned: {pinned.tag or 'digest'} = {pinned.short_digest}"]
    if pinned.revision:
        words.append(f"revision {pinned.revision[:SHORT]}")
    if pinned.created:
        words.append("just built" if now - pinned.created < timedelta(minutes=1) else _built(pinned.created, now))
    warnings = []
    if pinned.created and now - pinned.created > old_after:
        warnings.append(
            f"{thing}: {pinned.tag or pinned.short_digest} is {age(pinned.created, now)}, "
            f"more than {old_after.days} days; follow the branch again: pulumi config rm {thing}"
        )
    if moved := _moved(pinned, branch, ahead):
        warnings.append(f"{thing}: {moved}; a pin wins until pulumi config rm {thing}")
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
