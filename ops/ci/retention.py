"""Deletes old images, except those that a stack or an agent uses, and the manifests that these consist of.

python -m ops retention [--delete] [--most N] [--newest N] [--days N] [--without STACK …] [--repository …] [--plan FILE]

Without --delete it prints its plan and writes it to the file of --plan. With --delete and --plan it deletes only if
the plan is still the same. Kept are the images that each stack's config follows or pins, those that each stack has
deployed (its outputs), and those that any service on Railway runs or is configured to run.
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from convos_infra.registry.client import RegistryClient
from convos_infra.registry.delete import carry_out, check_in_use, plan_for
from convos_infra.registry.errors import RefusedError
from convos_infra.registry.packages import Packages
from convos_infra.registry.retention import Rules
from ops.ci import retention_plan, workflow
from ops.ci.images_in_use import ImagesInUse, images_in_use
from ops.ci.registry_login import credentials
from ops.printable import log_line

if TYPE_CHECKING:
    from convos_infra.registry.reference import ImageReference

GHCR = "ghcr.io"
PACKAGES = frozenset({"convos-runtime", "convos-pool"})
"""The images that this repository builds; no other image is ever deleted."""
MOST_COUNTED, _LONGEST_COUNT = 10_000, 12
MOST = 300
"""A job's token has 1,000 requests per hour and repository (GitHub, "Rate limits for the REST API"); a deletion takes
two, and each complete look one for 100 versions."""
_RESTORE = (
    "GitHub keeps a deleted version for 30 days. Restore one by its number: "
    "`gh api -X POST /orgs/OWNER/packages/container/{package}/versions/NUMBER/restore`"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Plan, and delete with --delete."""
    parser = argparse.ArgumentParser(prog="ops retention", description=__doc__)
    parser.add_argument("--delete", action="store_true", default=os.environ.get("DELETE") == "true")
    parser.add_argument("--newest", type=_count, default=os.environ.get("NEWEST") or Rules.newest)
    parser.add_argument("--days", type=_count, default=os.environ.get("DAYS") or Rules.younger_than.days)
    parser.add_argument("--without", nargs="*", default=os.environ.get("WITHOUT", "").split())
    parser.add_argument(
        "--most", type=_count, default=os.environ.get("MOST") or MOST, help="delete at most N manifests in one run"
    )
    parser.add_argument(
        "--plan",
        default=os.environ.get("PLAN", ""),
        metavar="FILE",
        help="the file that the plan is written to or compared with",
    )
    parser.add_argument(
        "--repository", default="", help="clean only this repository, such as registry/owner/convos-pool"
    )
    chosen = parser.parse_args(argv)
    in_use = images_in_use(chosen.without)
    file = Path(chosen.plan) if chosen.plan else None
    saved = retention_plan.read(file) if file and chosen.delete else None
    now = saved.made_at if saved else datetime.now(UTC)
    rules = Rules(chosen.newest, timedelta(days=chosen.days))
    cleaners = [_Cleaner(found, in_use, rules, now) for found in repositories(in_use.references, chosen.repository)]
    said = [line for cleaner in cleaners for line in cleaner.lines()]
    sys.stdout.write("".join(f"{log_line(line)}\n" for line in said))
    # Every repository is read and compared before anything is deleted in one of them.
    for cleaner in cleaners:
        cleaner.check()
        if saved:
            retention_plan.check_same(saved, cleaner.location, cleaner.doomed)
    refused: list[RefusedError] = []
    if chosen.delete:
        left = chosen.most
        for cleaner in cleaners:
            try:
                count = cleaner.delete(left)
            except RefusedError as error:  # A repository that refuses must not block the others.
                refused.append(error)
                continue
            left -= count
            said.append(f"{cleaner.location}: {count} deleted")
    elif file:
        made = {cleaner.location: cleaner.doomed for cleaner in cleaners}
        retention_plan.write(file, retention_plan.SavedPlan(now, made))
    workflow.summary("\n".join(["### Images", "", "```", *said, "```"]))
    if refused:
        raise refused[0]
    return 0


def repositories(in_use: Iterable[ImageReference], only: str = "") -> list[str]:
    """Return the repositories to clean: those of our images that are in use.

    Args:
        in_use: the keep-list.
        only: the one to clean; empty for all.

    Raises:
        InfraError: `only` is not one of them; a mistyped name would clean nothing and report success.
    """
    found = dict.fromkeys(kept.location for kept in in_use if kept.repository.rpartition("/")[2] in PACKAGES)
    if only and only not in found:
        step = f"expected one of {', '.join(found)}" if found else "none of our images is in use"
        raise InfraError("retention", f"--repository {only[:100]} is not one of our repositories in use", step)
    return [one for one in found if only in ("", one)]


def _count(text: str) -> int:
    """Parse a number of images or days, which must not be negative."""
    digits = text.strip().lstrip("0") or "0"
    if not text.strip().isdecimal() or len(digits) > _LONGEST_COUNT or int(digits) > MOST_COUNTED:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a number from 0 to {MOST_COUNTED}")
    return int(digits)


class _Cleaner:
    """One repository and its plan."""

    def __init__(self, location: str, in_use: ImagesInUse, rules: Rules, now: datetime) -> None:
        registry, _, self._repository = location.partition("/")
        self.location = location
        self._in_use = in_use
        login = credentials()
        self._client = RegistryClient(registry, credentials=login, subject="retention")
        # GHCR supports deletion only through GitHub's API, which reports a missing token itself.
        self._packages = Packages(self._repository, login.password if login else "") if registry == GHCR else None
        listed = self._packages.versions() if self._packages else None
        self._plan = plan_for(self._client, self._repository, in_use.references, rules, listed=listed, now=now)

    @property
    def doomed(self) -> tuple[str, ...]:
        """The digests that would be deleted."""
        return tuple(sorted(manifest.digest for manifest in self._plan.doomed))

    def lines(self) -> list[str]:
        """Return the plan as text."""
        return [self.location, *self._plan.lines()]

    def check(self) -> None:
        """Check that every image in use can be pulled, so that no plan is shown that could not be carried out."""
        check_in_use(self._client, self._repository, self._plan, self._in_use.references)

    def delete(self, most: int) -> int:
        """Delete at most `most` manifests, and return how many were deleted."""
        gone: list[str] = []
        say = functools.partial(_say, gone)
        try:
            count = carry_out(
                self._client,
                self._repository,
                self._plan,
                self._in_use.references,
                say,
                self._packages,
                most=most,
                in_use_now=self._in_use.now,
            )
        finally:
            if gone:
                restore = _RESTORE.format(package=self.location.rpartition("/")[2]) if self._packages else ""
                workflow.summary("\n".join(["### Deleted and kept", "", "```", *gone, "```", "", restore]))
        return count


def _say(gone: list[str], text: str) -> None:
    gone.append(text)
    sys.stdout.write(f"{log_line(text)}\n")


if __name__ == "__main__":
    sys.exit(workflow.run(main))
