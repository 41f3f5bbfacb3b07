"""Deletes old images, and never one that a stack or a living agent uses, nor what such a one consists of.

python -m ops retention [--delete] [--most N] [--newest N] [--days N] [--without STACK …] [--repository …] [--plan FILE]

Without --delete it says what it would do, and writes that to --plan; with --delete and --plan it deletes if that is
still exactly what would go. The keep-list has: what each stack's config follows and pins, what each stack
deployed (its outputs), and what every service on Railway is configured to run and runs.
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
from convos_infra.registry.errors import RegistryError
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
MOST = 400
"""A job's token has 1,000 requests an hour and repository (GitHub, "Rate limits for the REST API")."""
_RESTORE = (
    "GitHub keeps a deleted version for 30 days. Restore one by its number: "
    "`gh api -X POST /orgs/OWNER/packages/container/convos-runtime/versions/NUMBER/restore`"
)


def from_config(values: Mapping[str, Any], stack: str) -> list[ImageReference]:
    """Return what a stack's config names: the tag that it follows, and the one it pins."""
    followed = stacks.followed(values, stack)
    pin = stacks.pinned(values)
    return [followed, *([parse_version(followed.location, pin, "imageTag")] if pin else [])]


def from_outputs(outputs: Mapping[str, Any]) -> list[str]:
    """Return the images that a stack deployed, from its outputs."""
    found = [(outputs.get("image") or {}).get("reference")]
    found += [(outputs.get(name) or {}).get("image") for name in ("canary", "poolManager")]
    return [str(reference) for reference in found if reference]


def check_all_there(configured: Iterable[str], listed: Iterable[str], without: Iterable[str]) -> None:
    """Refuse a keep-list that lacks a stack: a backend that shows two of four stacks is the wrong one.

    Raises:
        InfraError: a stack has a config and is not in the backend.
    """
    missing = sorted(set(configured) - set(listed) - set(without))
    if missing:
        problem = f"no such stack in this backend: {', '.join(missing)}"
        raise InfraError("retention", problem, f"if they were never deployed, pass --without {' '.join(missing)}")


def keep_list(without: Sequence[str]) -> list[ImageReference]:
    """Gather everything that is in use; all of it, or an error.

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
    for project in sorted(projects):
        for where, image in railway_view.images(railway, project):
            kept += _parsed([image], where)
    return list(dict.fromkeys(kept))


def main(argv: Sequence[str] | None = None) -> int:
    """Plan, and delete where that was asked for."""
    parser = argparse.ArgumentParser(prog="ops retention", description=__doc__)
    parser.add_argument("--delete", action="store_true", default=os.environ.get("DELETE") == "true")
    parser.add_argument("--newest", type=int, default=os.environ.get("NEWEST") or Rules.newest)
    parser.add_argument("--days", type=int, default=os.environ.get("DAYS") or Rules.younger_than.days)
    parser.add_argument("--without", nargs="*", default=os.environ.get("WITHOUT", "").split())
    parser.add_argument("--most", type=int, default=os.environ.get("MOST") or MOST, help="delete at most N in one run")
    parser.add_argument("--plan", default=os.environ.get("PLAN", ""), metavar="FILE", help="the plan, as a file")
    parser.add_argument("--repository", default="", help="clean this one alone, registry/owner/convos-runtime")
    chosen = parser.parse_args(argv)
    in_use = keep_list(chosen.without)
    file = Path(chosen.plan) if chosen.plan else None
    saved = retention_plan.read(file) if file and chosen.delete else None
    now = saved.made_at if saved else datetime.now(UTC)
    rules = Rules(chosen.newest, timedelta(days=chosen.days))
    made: dict[str, tuple[str, ...]] = {}
    said: list[str] = []
    for found in dict.fromkeys(kept.location for kept in in_use if _is_ours(kept)):
        if chosen.repository not in ("", found):
            continue
        cleaner = _Cleaner(found, in_use, rules, now)
        made[found] = cleaner.doomed
        said += cleaner.lines()
        sys.stdout.write("".join(f"{log_line(line)}\n" for line in cleaner.lines()))
        if chosen.delete:
            if saved:
                retention_plan.check_same(saved, found, cleaner.doomed)
            said += cleaner.delete(chosen.most)
        else:
            cleaner.check()
    if file and not chosen.delete:
        retention_plan.write(file, retention_plan.SavedPlan(now, made))
    workflow.summary("\n".join(["### Images", "", "```", *said, "```"]))
    return 0


class _Cleaner:
    """One repository, its plan, and what carries it out."""

    def __init__(self, location: str, in_use: list[ImageReference], rules: Rules, now: datetime) -> None:
        registry, _, self._repository = location.partition("/")
        self._location = location
        self._in_use = in_use
        login = credentials()
        self._client = RegistryClient(registry, credentials=login, thing="retention")
        # GHCR deletes by GitHub's own API alone; without a token that says so itself.
        self._packages = Packages(self._repository, login.password if login else "") if registry == GHCR else None
        listed = self._packages.versions() if self._packages else None
        self._plan = plan_for(self._client, self._repository, in_use, rules, listed=listed, now=now)

    @property
    def doomed(self) -> tuple[str, ...]:
        """What would go."""
        return tuple(sorted(manifest.digest for manifest in self._plan.doomed))

    def lines(self) -> list[str]:
        """Return the plan for people."""
        return [self._location, *self._plan.lines()]

    def check(self) -> None:
        """Prove that everything in use pulls; a plan that could not be carried out is not shown as one that could."""
        check_in_use(self._client, self._repository, self._plan, self._in_use)

    def delete(self, most: int) -> list[str]:
        """Delete, and return what to add to the report."""
        gone: list[str] = []
        say = functools.partial(_say, gone)
        by_api = self._packages.delete if self._packages else None
        try:
            count = carry_out(self._client, self._repository, self._plan, self._in_use, say, by_api, most=most)
        finally:
            if gone:
                workflow.summary("\n".join(["### Deleted", "", "```", *gone, "```", "", _RESTORE if by_api else ""]))
        return [f"{count} deleted"]


def _parsed(references: Iterable[str], where: str) -> list[ImageReference]:
    try:
        return [parse(reference) for reference in references]
    except RegistryError as error:
        raise InfraError(where, f"runs what cannot be read: {error}") from None


def _is_ours(reference: ImageReference) -> bool:
    return reference.repository.rpartition("/")[2] == "convos-runtime"


def _say(gone: list[str], text: str) -> None:
    gone.append(text)
    sys.stdout.write(f"{log_line(text)}\n")


if __name__ == "__main__":
    sys.exit(workflow.run(main))
