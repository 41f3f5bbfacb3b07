"""The page as rows: the text of each part, and its tone. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from convos_infra.railway.running import Condition
from ops.pulumi_cli import forget_unfinished
from ops.status.finding import Finding, Severity
from ops.status.recorded import Role
from ops.status.report import ABORTED, CONNECTED, DIGEST_SHOWN, SUCCEEDED, Part, Report, short

if TYPE_CHECKING:
    from ops.status.keys import Key
    from ops.status.services import ServiceNow

STATES = ("idle", "claimed", "starting", "released", "sleeping", "crashed", "dead", "unfinished")
SHOWN_UPDATES = 5
_LABELS = {Part.NEWEST: "newest image"}


class Tone(Enum):
    """How a cell is coloured."""

    PLAIN = "plain"
    BOLD = "bold"
    """Information about what belongs to others."""
    RED = "red"
    """What is not as it should be."""


@dataclass(frozen=True)
class Row:
    """One line of the page.

    Attributes:
        label: its first column.
        text: what it says.
        tone: how it is coloured.
        source: who was asked, and when; on the first row of a part.
    """

    label: str
    text: str
    tone: Tone = Tone.PLAIN
    source: str = ""


Said = tuple[str, Tone]


def rows(report: Report) -> list[Row]:
    """Return the page; a part that could not be read says why in its row."""
    found = [Row("stack", report.stack)]
    for part in Part:
        label = _LABELS.get(part, str(part))
        if part in report.parts:
            told = report.parts[part]
            is_table = part is Part.SERVICES
            made = _services(told.value) if is_table else _labelled(label, _MAKERS[part](report.stack, told.value))
            found += _sourced(made, told.source.text())
        if part in report.unread:
            row = report.unread[part]
            source = row.source.text() if row.source is not None else ""
            found.append(Row(label, f"not read: {row.why}", Tone.RED, source))
    return found


def _sourced(made: Iterable[Row], source: str) -> Iterator[Row]:
    for row in made:
        yield Row(row.label, row.text, row.tone, source if row.label else "")


def _labelled(label: str, said: Iterable[Said]) -> Iterator[Row]:
    for place, (text, tone) in enumerate(said):
        yield Row(label if place == 0 else "", text, tone)


def _backend(_: str, value: Mapping[str, Any]) -> Iterator[Said]:
    yield f"{value['url']} (from {value['origin']})", Tone.PLAIN


def _update(stack: str, value: Mapping[str, Any]) -> Iterator[Said]:
    cancel = f"pulumi cancel --stack {stack}"
    for lock in value["locks"]:
        who = f"lock of {lock['user']}@{lock['host']}, process {lock['processId']}, since {lock['since']}"
        if lock["isAlive"]:
            yield f"an update is under way: {who}", Tone.RED
        elif lock["isAlive"] is None:
            yield f"an update is under way or was cut: {who}; if none runs there: {cancel}", Tone.RED
        else:
            yield f"an update was cut: {who}, which has ended; {cancel}", Tone.RED
    if value["inProgress"]:
        yield f"an update is under way or was cut, says the backend; if none runs: {cancel}", Tone.RED
    for one in value["unfinished"]:
        step = f"{forget_unfinished(stack)} records what is there, and the next pulumi up finds or makes the rest"
        yield f"not finished: {one['operation']} {one['resource']}; {step}", Tone.RED
    if not (value["locks"] or value["inProgress"] or value["unfinished"]):
        unseen = "" if value["locksAreShown"] else ", as far as the state shows: this backend does not show its locks"
        yield f"none under way, none cut{unseen}", Tone.PLAIN


def _environment(_: str, value: Mapping[str, Any]) -> Iterator[Said]:
    where = f"{value['name']} of {value['project']} ({value['id']})"
    yield (f"{where} is gone from Railway", Tone.RED) if value["gone"] else (where, Tone.PLAIN)


def _services(value: Sequence[ServiceNow]) -> Iterator[Row]:
    order = [*Role, None]
    for service in sorted(value, key=lambda one: (order.index(one.role), one.name)):
        text, tone = _service(service)
        yield Row(service.label, text, tone)


def _service(service: ServiceNow) -> Said:
    if service.running is None:
        return "GONE: Railway does not have it any more", Tone.RED
    serving, condition = service.serving, service.running.condition
    runs = ""
    if serving is not None:
        note = " (simulated run)" if service.is_simulated else ""
        runs = "  ".join(filter(None, [short(serving.image), f"since {serving.created_at}", service.url])) + note
    if condition.is_settled:
        return "  ".join(filter(None, [service.status, runs])), Tone.PLAIN
    state = condition.value if condition in (Condition.NEVER_DEPLOYED, Condition.STOPPED) else service.status
    return f"{state}, {f'still runs: {runs}' if serving is not None else 'nothing runs'}", Tone.RED


def _image(_: str, value: Mapping[str, Any]) -> Iterator[Said]:
    revision = str(value["revision"])[:7] or "unknown"
    made = f", made {value['created']}" if value["created"] else ""
    digest = str(value["digest"])[:DIGEST_SHOWN]
    yield f"{value['tag'] or 'no tag'}  {digest}  revision {revision}  by {value['chosenBy']}{made}", Tone.PLAIN


def _newest(_: str, value: Mapping[str, Any]) -> Iterator[Said]:
    is_same = value["digest"] == value["deployed"]
    other = f"{str(value['digest'])[:DIGEST_SHOWN]}, another one"
    yield f"{value['tag']}: {'this one' if is_same else other}", Tone.PLAIN


def _why(agents: Mapping[str, Any]) -> str:
    """Return why agents are behind, if the image is not the only reason."""
    keys, behind = agents.get("behindKeys", 0), agents["behind"]
    return f" ({'keys' if keys == behind else f'{behind - keys} image, {keys} keys'})" if keys else ""


def _agents(_: str, value: Mapping[str, Any]) -> Iterator[Said]:
    if "note" in value:
        yield value["note"], Tone.PLAIN
        return
    as_new = "up to date" if value.get("behindKeys") else "on the latest image"
    on_images = f"{value['latest']} {as_new}, {value['behind']} behind{_why(value)}"
    yield f"{value['total']} agents: {on_images}; {value['minIdle']} are kept idle", Tone.PLAIN
    for group in value["byImage"]:
        states = group["states"]
        told = [f"{states[name]} {name}" for name in STATES if name in states]
        told += [f"{count} {name}" for name, count in sorted(states.items()) if name not in STATES]
        image = f"{short(group['image']) or 'no image'}{' (latest)' if group['latest'] else ''}"
        yield f"{image}: {', '.join(told)}", Tone.PLAIN
    idle = sum(group["states"].get("idle", 0) for group in value["byImage"] if not group["latest"])
    if idle:
        yield f"{idle} idle on another image than the latest: the next claims get them", Tone.BOLD
    if value["database"] != CONNECTED:
        yield f"their database: {value['database']}", Tone.RED


def _rollout(_: str, value: Mapping[str, Any]) -> Iterator[Said]:
    state = value.get("state", "unknown")
    yield f"{state}: {value.get('text', '')}", Tone.RED if state == ABORTED else Tone.PLAIN


def _schema(_: str, value: Mapping[str, Any]) -> Iterator[Said]:
    newest = "the newest of this checkout" if value["version"] == value["newest"] else f"newest here: {value['newest']}"
    drift = value["drift"]
    changes = f"{len(drift)} change{'s' * (len(drift) > 1)} by others"
    tone = Tone.RED if drift else Tone.PLAIN
    yield f"{value['version'] or 'none yet'}, {newest}, {changes if drift else 'no drift'}", tone
    if value["version"] != value["recorded"]:
        yield f"the last update left {value['recorded'] or 'none'}: somebody else migrated it since", Tone.RED
    for line in drift:
        yield line, Tone.RED


def _drift(stack: str, value: Sequence[Finding]) -> Iterator[Said]:
    is_clean = all(one.severity is Severity.INFORMATION for one in value)
    if is_clean:
        yield "none: Railway has, and runs, what the last update left", Tone.PLAIN
    for one in value:
        tone = Tone.BOLD if one.severity is Severity.INFORMATION else Tone.RED
        yield f"{one.subject}: {one.text()}", tone
    if not is_clean:
        step = f"pulumi refresh --stack {stack} records it, then pulumi preview --stack {stack} shows"
        yield f"{step} what an update would do about it", Tone.PLAIN


def _keys(_: str, value: Sequence[Key]) -> Iterator[Said]:
    groups: dict[tuple[bool, str], list[str]] = {}
    for key in value:
        groups.setdefault((not key.is_missing, key.state), []).append(key.name)
    for (is_there, state), names in sorted(groups.items()):
        yield f"{state}: {', '.join(names)}", Tone.PLAIN if is_there else Tone.RED


def _updates(_: str, value: Sequence[Mapping[str, Any]]) -> Iterator[Said]:
    for place, row in enumerate(value[:SHOWN_UPDATES]):
        changes = ", ".join(f"{count} {name}" for name, count in sorted(row["changes"].items())) or "no changes"
        text = "  ".join(filter(None, [str(row["at"]), str(row["kind"]), str(row["result"]), changes, str(row["by"])]))
        yield text, Tone.RED if place == 0 and row["result"] != SUCCEEDED else Tone.PLAIN
    if not value:
        yield "none yet", Tone.PLAIN


_MAKERS: Mapping[Part, Callable[[str, Any], Iterable[Said]]] = {
    Part.BACKEND: _backend,
    Part.UPDATE: _update,
    Part.ENVIRONMENT: _environment,
    Part.IMAGE: _image,
    Part.NEWEST: _newest,
    Part.AGENTS: _agents,
    Part.ROLLOUT: _rollout,
    Part.SCHEMA: _schema,
    Part.DRIFT: _drift,
    Part.KEYS: _keys,
    Part.UPDATES: _updates,
}
