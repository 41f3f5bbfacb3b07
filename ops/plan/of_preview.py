"""Reads a preview into the plan of an update: only values, never the text that people are shown. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convos_infra.ownership import ADOPTS
from convos_infra.provider import has_unknown, is_unknown
from convos_infra.rollout.resource import BATCHES, HOLD, PLAN, POLICY
from ops.plan import schema_files
from ops.plan.key_changes import key_plans
from ops.plan.preview_steps import PreviewStep, mapping, steps
from ops.plan.resource_kinds import IMAGE, INSTANCE, ROLLOUT, SCHEMA
from ops.plan.service_changes import service_plans
from ops.plan.things import mutations, thing_plans
from ops.plan.update_plan import AgentsPlan, CommitsPlan, ImagePlan, MigrationFilePlan, Pair, UpdatePlan

if TYPE_CHECKING:
    from ops.plan.update_time import UpdateTime

CommitsBetween = Callable[[str, str], CommitsPlan | None]


@dataclass(frozen=True)
class PreviewContext:
    """What a preview does not say itself.

    Attributes:
        commits: returns the commits from one revision to another; None if git does not know both.
        rows: the estimated number of rows of each table; None if the database was not asked.
        time: how long the last updates took.
        deletes_adopted: whether the stack deletes what it took over as well.
    """

    commits: CommitsBetween = lambda _, __: None
    rows: Mapping[str, int] | None = None
    time: UpdateTime | None = None
    deletes_adopted: bool = False


def update_plan(stack: str, document: Mapping[str, Any], context: PreviewContext) -> UpdatePlan:
    """Return the plan of an update.

    Args:
        stack: its name.
        document: what `pulumi preview --json` printed.
        context: what the preview does not say.
    """
    every = list(steps(document))
    changed = [step for step in every if step.is_change]
    services = service_plans(changed)
    images = tuple(_images(changed, context.commits))
    migrations = tuple(_migrations(changed, context.rows))
    agents = next((found for step in changed if (found := _agents(step)) is not None), None)
    return UpdatePlan(
        stack=stack,
        services=services,
        same_services=sum(1 for step in every if step.kind == INSTANCE and not step.is_change),
        images=images,
        keys=key_plans(changed),
        migrations=migrations,
        agents=agents,
        things=thing_plans(changed, deletes_adopted=context.deletes_adopted),
        mutations=mutations(changed, deletes_adopted=context.deletes_adopted),
        unknown=tuple(_unknown(changed, images)),
        time=context.time,
    )


def pending_tables(document: Mapping[str, Any]) -> list[str]:
    """Return the tables that pending migrations are about, to ask the database how many rows they have."""
    files = _migrations(steps(document), None)
    return sorted({statement.table for file in files for statement in file.statements if statement.table})


def _images(changed: Iterable[PreviewStep], commits: CommitsBetween) -> Iterator[ImagePlan]:
    for step in changed:
        if step.kind != IMAGE or step.deletes:
            continue
        tag, revision = _pair(step, "tag"), _pair(step, "revision")
        is_known = not has_unknown([step.after.get("digest")])
        digest = _pair(step, "digest")
        if is_known and not (digest.is_change or tag.is_change):
            continue
        has_both = revision.before and revision.after and revision.is_change
        yield ImagePlan(
            name=step.name,
            repository=step.text("repository"),
            tag=tag,
            digest=digest,
            revision=revision,
            created=step.text("created"),
            chosen_by=step.text("pinned_by"),
            is_known=is_known,
            commits=commits(revision.before, revision.after) if has_both else None,
        )


def _pair(step: PreviewStep, name: str) -> Pair:
    before, after = step.before.get(name), step.after.get(name)
    return Pair(str(before or ""), "" if is_unknown(after) else str(after or ""))


def _migrations(changed: Iterable[PreviewStep], rows: Mapping[str, int] | None) -> Iterator[MigrationFilePlan]:
    for step in changed:
        if step.kind != SCHEMA or step.deletes or _is_said_already(step):
            continue
        files = mapping(step.after.get("migrations"))
        pending = step.after.get("pending")
        yield from schema_files.file_plans(files, pending if isinstance(pending, Sequence) else (), rows)


def _is_said_already(step: PreviewStep) -> bool:
    """Tell whether what is pending was so in the plan before, and has been applied since."""
    return bool(step.before) and step.before.get("planned") == step.after.get("planned")


def _agents(step: PreviewStep) -> AgentsPlan | None:
    if step.kind != ROLLOUT or step.deletes or step.before.get("variables") == step.after.get("variables"):
        return None
    lines, batches = step.after.get(PLAN), step.after.get(BATCHES)
    policy = mapping(step.after.get("variables")).get(POLICY)
    return AgentsPlan(
        policy=HOLD if is_unknown(policy) or not policy else str(policy),
        summary=str(lines[0]) if isinstance(lines, list) and lines else "",
        batches=tuple(int(count) for count in batches) if isinstance(batches, list) else (),
    )


def _unknown(changed: Sequence[PreviewStep], images: Iterable[ImagePlan]) -> Iterator[str]:
    for image in images:
        if not image.is_known:
            yield f"the digest of the {image.name} image: the update builds it"
    for step in changed:
        if step.kind == SCHEMA and step.creates and is_unknown(step.after.get("databaseUrl")):
            yield "what is in the database: it is made by this update"
        if step.kind == ROLLOUT and step.creates and is_unknown(step.after.get("url")) and not step.text(ADOPTS):
            yield "the agents: the pool manager is made by this update"
