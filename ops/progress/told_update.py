"""Runs a previewed update: shows its progress, then reports the outcome of each row of its plan."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ops.ci.preview import LONGEST_HEAD
from ops.plan.happened import happened_rows, happened_title, other_rows, outcomes, services_of
from ops.plan.of_preview import PreviewContext, update_plan
from ops.plan.plan_rows import PlanRow
from ops.plan.plan_text import ENDLESS, plan_markdown, plan_text
from ops.plan.previewed import commits
from ops.progress.board import announced
from ops.progress.watched_update import watched_update
from ops.pulumi_cli import PulumiError, last_error
from ops.status.terminal import has_colours

if TYPE_CHECKING:
    from ops.plan.previewed import Previewed
    from ops.pulumi_cli import Pulumi


_LOCKED = "the stack is currently locked"


def update(pulumi: Pulumi, found: Previewed, *, then: Callable[[str], None] | None = None) -> tuple[str, list[PlanRow]]:
    """Update, then print for each row of the plan whether it happened, even if the update failed.

    Args:
        pulumi: for the stack.
        found: its preview.
        then: takes the rows as Markdown as well.

    Returns:
        The title and the rows that were printed.

    Raises:
        PulumiError: the update failed.
    """
    before, began = services_of(pulumi.exported()), time.monotonic()
    board = announced({service.name: service.deployments for service in found.plan.services})
    made = watched_update(pulumi, ("--yes", "--skip-preview", "--suppress-outputs"), board)
    title, rows = "", list[PlanRow]()
    failed = None
    if made.ran.code != 0:
        step = f"make doctor STACK={pulumi.stack} says who holds the lock" if _LOCKED in made.ran.text else ""
        failed = PulumiError(pulumi.stack, f"pulumi up: {last_error(made.ran.text)}", step)
    # A report that cannot be made must not hide why the update failed.
    with contextlib.nullcontext() if failed is None else contextlib.suppress(PulumiError):
        services = outcomes(found.plan, before, services_of(pulumi.exported()), made.failed)
        title = happened_title(found.plan, services, time.monotonic() - began)
        context = PreviewContext(commits, deletes_adopted=found.deletes_adopted)
        done = update_plan(pulumi.stack, made.document, context)
        rows = [*happened_rows(services), *other_rows(found.plan, done, datetime.now(UTC))]
        is_terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if is_terminal else ENDLESS
        colours = has_colours(os.environ, is_terminal=is_terminal)
        sys.stdout.write(plan_text(f"{pulumi.stack}: {title}", rows, width=width, colours=colours))
        if then is not None:
            then(plan_markdown(f"{pulumi.stack}: {title}", rows, longest=LONGEST_HEAD))
    if failed is not None:
        raise failed
    return title, rows
