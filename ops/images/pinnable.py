"""The tags that a stack can be pinned to, the newest first. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convos_infra.registry.nearest import commit_of
from convos_infra.registry.resolve import age
from ops.plan.rollout_rows import columns
from ops.printable import escaped, log_line
from ops.status.report import DIGEST_SHOWN

if TYPE_CHECKING:
    from datetime import datetime

HEAD = ("tag", "digest", "built", "runs", "commit", "")
TITLE_SHOWN = 50
UNTAGGED = "none of these tags names it; pin it by its digest"


@dataclass(frozen=True)
class Pinnable:
    """One tag.

    Attributes:
        tag: its name; empty for an image that runs and has no tag among those that were looked at.
        digest: what it names now; empty if that could not be read.
        created: when the image was built; None if it does not say.
        revision: the commit that it was built from, or empty.
        title: the commit's, or empty.
        runs: who runs it now.
        note: why it cannot be pinned, or what else a person has to know; empty if nothing.
    """

    tag: str
    digest: str
    created: datetime | None = None
    revision: str = ""
    title: str = ""
    runs: tuple[str, ...] = ()
    note: str = ""

    def document(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {
            "tag": self.tag,
            "digest": self.digest,
            "created": self.created.isoformat() if self.created else "",
            "revision": self.revision,
            "title": self.title,
            "runs": list(self.runs),
            "note": self.note,
        }


def chosen(tags: Sequence[str], commits: Sequence[str], followed: Collection[str], most: int) -> list[str]:
    """Return the tags to show: those of branches, then `most` of commits, the newest first.

    A tag of a commit that this checkout does not know comes after those that it knows.

    Args:
        tags: all of the repository.
        commits: of this checkout, the newest first.
        followed: the tags that branches move.
        most: how many tags of commits.
    """
    places = {commit: place for place, commit in enumerate(commits)}

    def place(tag: str) -> int:
        digits = commit_of(tag)
        return min((at for commit, at in places.items() if commit.startswith(digits)), default=len(places))

    of_commits = sorted((tag for tag in tags if commit_of(tag)), key=lambda tag: (place(tag), tag))
    return [*(tag for tag in tags if tag in followed), *of_commits[:most]]


def with_untagged(rows: Sequence[Pinnable], runs: Mapping[str, tuple[str, ...]]) -> list[Pinnable]:
    """Return the rows, newest image first, and one for each image that runs and has no tag in them."""
    known = {row.digest for row in rows}
    ordered = sorted(rows, key=lambda row: row.created.timestamp() if row.created else 0.0, reverse=True)
    others = (Pinnable("", digest, runs=users, note=UNTAGGED) for digest, users in runs.items() if digest not in known)
    return [*ordered, *others]


def lines(rows: Sequence[Pinnable], now: datetime) -> list[str]:
    """Return the rows for people."""
    table = [
        (
            row.tag or "-",
            row.digest[:DIGEST_SHOWN] or "-",
            age(row.created, now) or "-",
            ", ".join(row.runs) or "-",
            " ".join(filter(None, [row.revision[:7], row.title[:TITLE_SHOWN]])) or "-",
            row.note,
        )
        for row in rows
    ]
    return [log_line(line) for line in columns([HEAD, *([escaped(cell) for cell in row] for row in table)])]
