"""The plan of an update as rows for people: terminal, job log and pull request all show these. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from convos_infra.registry.resolve import age
from convos_infra.schema.effects import REWRITE, ROWS, SCAN
from ops.cost.estimate import in_short
from ops.plan.update_plan import (
    Commit,
    Fate,
    ImagePlan,
    KeyPlan,
    MigrationFilePlan,
    Pair,
    ServicePlan,
    StatementPlan,
    UpdatePlan,
)

DIGEST_SHOWN = len("sha256:") + 8
REVISION_SHOWN = 7
_NAMES_SHOWN = 8
_BATCHES_SHOWN = 6
_IDLE_STAY = re.compile(r"\b[1-9]\d* idle\b")
"""In the pool manager's line about agents that stay as they are."""
_ALIKE_FROM = 4
"""From this many services on, those with the same reasons share one row."""
_ROWS_A_SECOND = {SCAN: 1_000_000, REWRITE: 200_000}
"""What even a small server manages."""
_MINUTES_FROM = 120


class Mark(Enum):
    """What a row is about; its value is the row's sign if there are no colours."""

    PLAIN = " "
    DEPLOYS = "!"
    NEW = "+"
    LOST = "-"


@dataclass(frozen=True)
class PlanRow:
    """One row.

    Attributes:
        label: the part's name on the first row of a part; otherwise empty.
        text: what it says.
        mark: how it is shown.
    """

    label: str
    text: str
    mark: Mark = Mark.PLAIN


Said = tuple[str, Mark]


def headline(plan: UpdatePlan) -> str:
    """Return the plan in one line: `2 deployments, 2 calls that change Railway, about 40 s`."""
    if plan.is_empty:
        return f"nothing to change{f', {_staying(plan.same_services)}' if plan.same_services else ''}"
    deployments = _plural(plan.deployments, "deployment")
    if plan.at_most > plan.deployments:
        deployments += f" (up to {plan.at_most} if others change what runs before the update)"
    calls = f"{_plural(plan.mutations, 'call')} that change{'s' * (plan.mutations == 1)} Railway"
    time = [f"about {_seconds(plan.time.typical)}"] if plan.time is not None else []
    return ", ".join([deployments, calls, *time])


def plan_rows(plan: UpdatePlan, now: datetime) -> list[PlanRow]:
    """Return the plan as rows, what is redeployed first.

    Args:
        plan: of the update.
        now: with a time zone.
    """
    parts: Sequence[tuple[str, Callable[[], Iterable[Said]]]] = (
        ("services", lambda: _services(plan)),
        ("deleted", lambda: _things(plan, Fate.DELETED, Fate.REPLACED)),
        ("image", lambda: [said for image in plan.images for said in _image(image, now)]),
        ("keys", lambda: _keys(plan.keys)),
        ("schema", lambda: [said for file in plan.migrations for said in _file(file)]),
        ("agents", lambda: _agents(plan)),
        ("still set", lambda: [(one, Mark.LOST) for one in plan.standing if not plan.is_empty]),
        ("adopted", lambda: _things(plan, Fate.ADOPTED)),
        ("new", lambda: _things(plan, Fate.NEW)),
        ("changed", lambda: _things(plan, Fate.CHANGED)),
        ("kept", lambda: _things(plan, Fate.KEPT)),
        ("time", lambda: _time(plan)),
        ("cost", lambda: _cost(plan)),
        ("not known", lambda: [(one, Mark.PLAIN) for one in plan.unknown]),
    )
    rows = []
    for label, said in parts:
        rows += [PlanRow(label if place == 0 else "", *one) for place, one in enumerate(said())]
    return rows


def _services(plan: UpdatePlan) -> Iterator[Said]:
    alike: dict[Said, list[str]] = {}
    for service in plan.services:
        alike.setdefault(_service(service), []).append(service.name)
    for (text, mark), names in alike.items():
        if len(names) < _ALIKE_FROM:
            yield from ((f"{name}: {text}", mark) for name in names)
        else:
            yield f"{len(names)} services, each {text}: {', '.join(names)}", mark
    if plan.services and plan.same_services:
        yield _staying(plan.same_services, "other "), Mark.PLAIN


def _staying(count: int, which: str = "") -> str:
    return f"{_plural(count, f'{which}service')} {'stays as it is' if count == 1 else 'stay as they are'}"


def _service(service: ServicePlan) -> Said:
    if service.fate is Fate.DELETED:
        return "deleted", Mark.LOST
    why = [*service.fields, *_several(service.variables, "variable"), *service.conditions]
    cost = _plural(service.deployments, "deployment") if service.deployments else "no deployment, stored only"
    fate = f"{service.fate}, " if service.fate is not Fate.CHANGED else ""
    text = f"{fate}{cost}: {', '.join(why) or 'nothing changes'}"
    if service.at_most > service.deployments:
        text += f"; up to {service.at_most} if others change what runs before the update"
    if service.others:
        text += f"; also deploys what others stored: {', '.join(service.others)}"
    if service.after:
        text += f"; after {', '.join(service.after)}"
    return text, Mark.DEPLOYS if service.deployments else Mark.PLAIN


def _several(names: Sequence[str], noun: str) -> list[str]:
    return list(names) if len(names) <= _NAMES_SHOWN else [_plural(len(names), noun)]


def _things(plan: UpdatePlan, *fates: Fate) -> Iterator[Said]:
    marks = {Fate.DELETED: Mark.LOST, Fate.REPLACED: Mark.LOST, Fate.NEW: Mark.NEW, Fate.ADOPTED: Mark.NEW}
    why = {Fate.REPLACED: " (replaced by a new one)", Fate.KEPT: " (this stack did not make it)"}
    for subject in plan.things:
        if subject.fate in fates:
            yield f"{subject.kind} {subject.name}{why.get(subject.fate, '')}", marks.get(subject.fate, Mark.PLAIN)


def _image(image: ImagePlan, now: datetime) -> Iterator[Said]:
    digest = _arrow(image.digest, DIGEST_SHOWN) if image.is_known else "built by this update"
    # An image that is still to be built has the time of its commit.
    made = _age(image.created, now) if image.is_known else []
    words = [f"{image.name}: {_arrow(image.tag, 128)}".rstrip(": "), digest, *made]
    yield ", ".join(filter(None, words)), Mark.PLAIN
    if image.revision.is_change and image.revision.after:
        commits = image.commits
        text = f"revision {_arrow(image.revision, REVISION_SHOWN)}"
        if commits is None:
            yield f"{text}; git does not know both commits", Mark.PLAIN
            return
        gains = [f"gains {_plural(commits.gained, 'commit')}"] if commits.gained else []
        loses = [f"loses {_plural(commits.lost, 'commit')}"] if commits.lost else []
        yield f"{text}: {', '.join(gains + loses) or 'the same commits'}", Mark.PLAIN
        yield from _titles(commits.gained_titles, commits.gained, Mark.NEW)
        yield from _titles(commits.lost_titles, commits.lost, Mark.LOST)


def _titles(commits: Sequence[Commit], count: int, mark: Mark) -> Iterator[Said]:
    yield from ((f"{one.revision[:REVISION_SHOWN]} {one.title}", mark) for one in commits)
    if count > len(commits):
        yield f"… and {count - len(commits)} more", mark


def _arrow(pair: Pair, length: int) -> str:
    before, after = pair.before[:length], pair.after[:length]
    return after if before == after or not before else f"{before} → {after or 'none'}"


def _age(created: str, now: datetime) -> list[str]:
    try:
        made = datetime.fromisoformat(created)
        return [f"built {age(made, now).removesuffix(' old')} ago"]
    except (ValueError, TypeError):
        return []


def _keys(keys: Sequence[KeyPlan]) -> Iterator[Said]:
    marks = {Fate.NEW: Mark.NEW, Fate.DELETED: Mark.LOST}
    groups: dict[tuple[Fate, tuple[str, ...]], list[str]] = {}
    for key in keys:
        name = f"{key.name} (refers to {', '.join(key.refers_to)})" if key.refers_to else key.name
        groups.setdefault((key.fate, key.services), []).append(name)
    words = {Fate.NEW: "new", Fate.CHANGED: "changed", Fate.DELETED: "removed"}
    for (fate, services), names in groups.items():
        where = f"{len(services)} services" if len(services) > _NAMES_SHOWN else ", ".join(services)
        yield f"{words[fate]}: {', '.join(names)} of {where}", marks.get(fate, Mark.PLAIN)


def _file(file: MigrationFilePlan) -> Iterator[Said]:
    if file.is_marked:
        yield f"{file.file}: only recorded as applied", Mark.PLAIN
        return
    yield f"{file.file}: {_plural(len(file.statements), 'statement')}", Mark.NEW
    for one in dict.fromkeys(file.statements):
        yield _statement(one), Mark.LOST if one.kind in _LOSES else Mark.PLAIN


_LOSES = frozenset({"DROP TABLE", "DROP COLUMN", "TRUNCATE", "DELETE", "DROP SCHEMA", "DROP MATERIALIZED VIEW"})


def _statement(one: StatementPlan) -> str:
    text = f"{one.kind} {one.table}".rstrip()
    if not one.lock:
        return f"{text}: no lock that others wait for" if one.table else text
    if one.lock == ROWS:
        text += ": locks the rows that it writes"
    else:
        text += f": locks it ({one.lock}) {one.held if one.held in _ROWS_A_SECOND else f'for {one.held}'}"
    if one.rows is None:
        return text
    text += f", about {one.rows:,} rows"
    speed = _ROWS_A_SECOND.get(one.held)
    return f"{text}, {_seconds(max(1, one.rows // speed))} or less" if speed else text


def _agents(plan: UpdatePlan) -> Iterator[Said]:
    if plan.agents is None:
        return
    yield plan.agents.summary or f"policy {plan.agents.policy}", Mark.PLAIN
    is_new_image = any(one.name == "runtime" for one in plan.images)
    if is_new_image and not plan.agents.batches and _IDLE_STAY.search(plan.agents.summary):
        move = f"make agents STACK={plan.stack} MOVE=idle"
        yield f"idle agents keep the image before, and the next claims get them; to move them: {move}", Mark.DEPLOYS
    for number, count in enumerate(plan.agents.batches[:_BATCHES_SHOWN], start=1):
        yield f"batch {number}: {_plural(count, 'agent')}", Mark.DEPLOYS
    if left := plan.agents.batches[_BATCHES_SHOWN:]:
        yield f"… and {_plural(len(left), 'batch', 'batches')} more of {_plural(sum(left), 'agent')}", Mark.DEPLOYS


def _time(plan: UpdatePlan) -> Iterator[Said]:
    if plan.time is None or plan.is_empty:
        return
    time = plan.time
    took = " to ".join(dict.fromkeys([_seconds(time.shortest), _seconds(time.longest)]))
    last = "the last update" if time.updates == 1 else f"the last {time.updates} updates"
    yield f"{last} of this stack took {took}", Mark.PLAIN


def _cost(plan: UpdatePlan) -> Iterator[Said]:
    if plan.cost is not None and not plan.is_empty:
        yield in_short(plan.cost), Mark.PLAIN


def _seconds(seconds: int) -> str:
    return f"{seconds} s" if seconds < _MINUTES_FROM else f"{seconds // 60} min"


def _plural(count: int, noun: str, plural: str = "") -> str:
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"
