"""Deletes old images, and never one that a stack or a living agent uses, nor what such a one consists of.

python -m ops retention [--delete] [--newest N] [--days N] [--without STACK …] [--repository …]

Without --delete it says what it would do. The keep-list has: what each stack's config follows and pins, what each stack
deployed (its outputs), and what every service on Railway is configured to run and runs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from convos_infra.errors import InfraError
from convos_infra.registry.client import Client
from convos_infra.registry.delete import carry_out, plan_for
from convos_infra.registry.errors import RegistryError
from convos_infra.registry.packages import Packages
from convos_infra.registry.reference import ImageReference, parse, parse_version
from convos_infra.registry.retention import Rules
from ops import pulumi_cli, stacks
from ops.ci import workflow
from ops.ci.registry_login import credentials
from ops.pulumi_cli import CHECKOUT, Pulumi
from ops.status import railway_view

GHCR = "ghcr.io"


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
    configured = stacks.configured(CHECKOUT)
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
    parser.add_argument("--repository", default="", help="clean this one alone, registry/owner/convos-runtime")
    chosen = parser.parse_args(argv)
    in_use = keep_list(chosen.without)
    said = []
    for found in dict.fromkeys(kept.location for kept in in_use if _is_ours(kept)):
        if chosen.repository not in ("", found):
            continue
        registry, _, repository = found.partition("/")
        said += _clean(
            registry, repository, in_use, Rules(chosen.newest, timedelta(days=chosen.days)), delete=chosen.delete
        )
    workflow.summary("\n".join(["### Images", "", "```", *said, "```"]))
    return 0


def _clean(registry: str, repository: str, in_use: list[ImageReference], rules: Rules, *, delete: bool) -> list[str]:
    login = credentials()
    client = Client(registry, credentials=login, thing="retention")
    # GHCR deletes by GitHub's own API alone; without a token that says so itself.
    packages = Packages(repository, login.password if login else "") if registry == GHCR else None
    plan = plan_for(client, repository, in_use, rules, listed=packages.versions() if packages else None)
    lines = [f"{registry}/{repository}", *plan.lines()]
    sys.stdout.write("\n".join([*lines, ""]))
    if delete:
        count = carry_out(client, repository, plan, in_use, _say, packages.delete if packages else None)
        lines.append(f"{count} deleted")
    return lines


def _parsed(references: Iterable[str], where: str) -> list[ImageReference]:
    try:
        return [parse(reference) for reference in references]
    except RegistryError as error:
        raise InfraError(where, f"runs what cannot be read: {error}") from None


def _is_ours(reference: ImageReference) -> bool:
    return reference.repository.rpartition("/")[2] == "convos-runtime"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(workflow.run(main))
