"""Previews a stack and returns what an update would do: asks Pulumi, git and, for pending migrations, the database."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from convos_infra.checkout import UnreadableCheckoutError, commits_between, titles_between
from convos_infra.errors import InfraError
from convos_infra.ownership import policy
from ops.ci.reviewed import Preview, parse
from ops.cost.estimate import estimate
from ops.plan.of_preview import PreviewContext, pending_tables, update_plan
from ops.plan.row_counts import row_counts
from ops.plan.update_plan import Commit, CommitsPlan
from ops.plan.update_time import of_history
from ops.pulumi_cli import CHECKOUT, Pulumi, PulumiError
from ops.stacks import PROJECT
from ops.status import live_stack

if TYPE_CHECKING:
    from ops.cost.estimate import CostEstimate
    from ops.plan.update_plan import UpdatePlan
    from ops.plan.update_time import UpdateTime

TITLES_SHOWN = 10
EMERGENCY: Mapping[tuple[str, str], str] = {
    (
        "rolloutClaimed",
        "replace",
    ): "replaces agents that somebody has with each new image, once rolloutDeadline is over",
    ("rolloutDeadline", "0"): "waits for no agent that somebody has",
    ("overwriteChanges", "true"): "overwrites what others change on Railway, unasked",
}
"""Config key and value -> its effect on every later update, for which it was not meant."""


@dataclass(frozen=True)
class Previewed:
    """A preview in two forms.

    Attributes:
        preview: every property that changes, to compare it with another preview.
        plan: what people are shown.
        deletes_adopted: whether the stack deletes what it took over as well.
    """

    preview: Preview
    plan: UpdatePlan
    deletes_adopted: bool = False


def previewed(pulumi: Pulumi) -> Previewed:
    """Preview a stack.

    Raises:
        InfraError: the backend has no such stack, or the preview failed.
    """
    try:
        document = pulumi.read("preview", "--show-sames")
    except PulumiError:
        live_stack.check_known(pulumi.stack)
        raise
    tables = pending_tables(document)
    counts = row_counts(_database_url(pulumi), tables) if tables else None
    found, config = PreviewContext(commits, counts, _time(pulumi), deletes_adopted(document)), _config(document)
    plan = update_plan(pulumi.stack, document, found)
    plan = replace(plan, cost=_cost(config), standing=standing(pulumi.stack, config))
    return Previewed(parse(document), plan, deletes_adopted(document))


def commits(before: str, after: str) -> CommitsPlan | None:
    """Return the commits between two revisions; None if this checkout does not have both."""
    try:
        counted = commits_between(CHECKOUT, before, after)
        if counted is None:
            return None
        gained = titles_between(CHECKOUT, before, after, TITLES_SHOWN)
        lost = titles_between(CHECKOUT, after, before, TITLES_SHOWN)
    except UnreadableCheckoutError:
        return None
    return CommitsPlan(
        counted.gained, counted.lost, tuple(Commit(*one) for one in gained), tuple(Commit(*one) for one in lost)
    )


def _database_url(pulumi: Pulumi) -> str:
    try:
        outputs = pulumi.read("stack", "output", "--show-secrets")
    except PulumiError:
        return ""
    return str((outputs.get("database") or {}).get("url") or "")


def _time(pulumi: Pulumi) -> UpdateTime | None:
    try:
        rows = pulumi.read("stack", "history", "--page-size", "10")
    except PulumiError:
        return None
    return of_history(rows if isinstance(rows, list) else [])


def standing(stack: str, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the emergency settings that are still in the config, with the commands that remove them.

    Args:
        stack: the stack's name.
        config: by key, without the project's prefix.
    """
    return tuple(
        f"{key}: {value} {meaning}; when the emergency is over: pulumi config rm {key} --stack {stack}"
        for (key, value), meaning in EMERGENCY.items()
        if str(config.get(key, "")).lower() == value
    )


def _config(document: Mapping[str, Any]) -> dict[str, Any]:
    config = {key.removeprefix(f"{PROJECT}:"): value for key, value in (document.get("config") or {}).items()}
    for key in ("keys", "databases"):  # the preview has an object of the config as JSON
        with contextlib.suppress(ValueError, TypeError):
            config[key] = json.loads(config.get(key) or "{}")
    return config


def _cost(config: Mapping[str, Any]) -> CostEstimate | None:
    """Return what the stack costs; None if the config has no number for it."""
    try:
        return estimate(config)
    except InfraError:
        return None


def deletes_adopted(document: Mapping[str, Any]) -> bool:
    """Tell whether a previewed stack deletes what it took over as well."""
    config = document.get("config") or {}
    try:
        return policy(lambda key: str(config.get(f"{PROJECT}:{key}") or ""), os.environ).adopted
    except InfraError:
        # The preview itself refuses an invalid policy.
        return False
