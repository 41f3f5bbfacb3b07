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
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from convos_infra.errors import InfraError
from convos_infra.registry.client import RegistryClient
from convos_infra.registry.delete import carry_out, check_in_use, plan_for
from convos_infra.registry.errors import RefusedError, RegistryError
from convos_infra.registry.packages import Packages
from convos_infra.registry.reference import ImageReference, parse, parse_version
from convos_infra.registry.retention import Rules
from ops import pulumi_cli, stacks
from ops.ci import retention_plan, workflow
from ops.ci.registry_login import credentials
from ops.printable import log_line
from ops.pulumi_cli import CHECKOUT, Pulumi
from ops.status import railway_view

GHCR = "ghcr.io"
PACKAGES = frozenset({"convos-runtime", "convos-pool"})
"""The images that this repository builds; no other image is ever deleted."""
MOST_COUNTED, _LONGEST_COUNT = 10_000, 12
MOST = 400
"""A job's token has 1,000 requests per hour and repository (GitHub, "Rate limits for the REST API")."""
_RESTORE = (
    "GitHub keeps a deleted version for 30 days. Restore one by its number: "
    "`gh api -X POST /orgs/OWNER/packages/container/{package}/versions/NUMBER/restore`"
)


def from_config(values: Mapping[str, Any], stack: str) -> list[ImageReference]:
    """Return the images in a stack's config: the tag that it follows, its pin, and the pool manager's image."""
    followed = stacks.followed(values, stack)
    pin = stacks.pinned(values)
    pool = str(values.get("poolImage") or "")
    found = [followed, *([parse_version(followed.location, pin, "imageTag")] if pin else [])]
    return [*found, *([parse(pool, "poolImage")] if pool else [])]


def from_outputs(outputs: Mapping[str, Any]) -> list[str]:
    """Return the images that a stack deployed, from its outputs."""
    found = [(outputs.get("image") or {}).get("reference")]
    found += [(outputs.get(name) or {}).get("image") for name in ("canary", "poolManager")]
    return [str(reference) for reference in found if reference]


def check_all_there(configured: Iterable[str], listed: Iterable[str], without: Iterable[str]) -> None:
    """Refuse a keep-list that lacks a stack, because the backend may be the wrong one.

    Raises:
        InfraError: a stack has a config file, but the backend does not list it.
    """
    missing = sorted(set(configured) - set(listed) - set(without))
    if missing:
        problem = f"this backend does not have the stacks {', '.join(missing)}"
        raise InfraError("retention", problem, f"if they were never deployed, pass --without {' '.join(missing)}")


def keep_list(without: Sequence[str]) -> list[ImageReference]:
    """Return every image that is in use.

    Raises:
        InfraError: a stack or Railway could not be read.
    """
    configured = [stack for stack in stacks.configured(CHECKOUT) if stack not in without]
    listed = [str(row["name"]) for row in pulumi_cli.stacks() if row["name"] != stacks.LOCAL]
    check_all_there(configured, listed, without)
    kept: list[ImageReference] = []
    projects: set[str] = set()
    for stack in configured:
        kept += from_config(stacks.config(CHECKOUT, stack), stack)
    for stack in listed:
        outputs = Pulumi(stack).read("stack", "output")
        kept += _parsed(from_outputs(outputs), stack)
        if project := (outputs.get("environment") or {}).get("projectId"):
            projects.add(str(project))
    railway = railway_view.client()
    projects |= railway_view.agent_projects(railway).keys()
    for project in sorted(projects):
        for where, image in railway_view.images(railway, project):
            kept += _parsed([image], where)
    # The same registry may be spelled in several ways, and its images must not count as those of another one.
    return list(dict.fromkeys(reference.canonical for reference in kept))


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
    in_use = keep_list(chosen.without)
    file = Path(chosen.plan) if chosen.plan else None
    saved = retention_plan.read(file) if file and chosen.delete else None
    now = saved.made_at if saved else datetime.now(UTC)
    rules = Rules(chosen.newest, timedelta(days=chosen.days))
    cleaners = [_Cleaner(found, in_use, rules, now) for found in repositories(in_use, chosen.repository)]
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

    def __init__(self, location: str, in_use: list[ImageReference], rules: Rules, now: datetime) -> None:
        registry, _, self._repository = location.partition("/")
        self.location = location
        self._in_use = in_use
        login = credentials()
        self._client = RegistryClient(registry, credentials=login, subject="retention")
        # GHCR supports deletion only through GitHub's API, which reports a missing token itself.
        self._packages = Packages(self._repository, login.password if login else "") if registry == GHCR else None
        listed = self._packages.versions() if self._packages else None
        self._plan = plan_for(self._client, self._repository, in_use, rules, listed=listed, now=now)

    @property
    def doomed(self) -> tuple[str, ...]:
        """The digests that would be deleted."""
        return tuple(sorted(manifest.digest for manifest in self._plan.doomed))

    def lines(self) -> list[str]:
        """Return the plan as text."""
        return [self.location, *self._plan.lines()]

    def check(self) -> None:
        """Check that every image in use can be pulled, so that no plan is shown that could not be carried out."""
        check_in_use(self._client, self._repository, self._plan, self._in_use)

    def delete(self, most: int) -> int:
        """Delete at most `most` manifests, and return how many were deleted."""
        gone: list[str] = []
        say = functools.partial(_say, gone)
        by_api = self._packages.delete if self._packages else None
        try:
            count = carry_out(self._client, self._repository, self._plan, self._in_use, say, by_api, most=most)
        finally:
            if gone:
                restore = _RESTORE.format(package=self.location.rpartition("/")[2]) if by_api else ""
                workflow.summary("\n".join(["### Deleted", "", "```", *gone, "```", "", restore]))
        return count


def _parsed(references: Iterable[str], where: str) -> list[ImageReference]:
    try:
        return [parse(reference) for reference in references]
    except RegistryError as error:
        raise InfraError(where, f"runs an image whose reference is invalid: {error}") from None


def _say(gone: list[str], text: str) -> None:
    gone.append(text)
    sys.stdout.write(f"{log_line(text)}\n")


if __name__ == "__main__":
    sys.exit(workflow.run(main))
