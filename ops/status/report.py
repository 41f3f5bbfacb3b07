"""What `make status` says of a stack, from what was read: the document for scripts, and its rows for people. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = tuple[str, str]
DIGEST_SHOWN = len("sha256:") + 8
PARTS = ("environment", "image", "canary", "poolManager", "agents", "rollout", "schema", "drift", "keys", "updates")
"""The parts of the document, in the order of the table."""
SHOWN = {
    "environment": ("project", "projectId", "name", "id"),
    "image": ("reference", "tag", "digest", "revision", "created", "chosenBy"),
    "canary": ("service", "url", "deploymentId", "status", "image", "mode"),
    "poolManager": ("service", "url", "deploymentId", "status", "image", "mode"),
}
"""What is taken of the stack's outputs: named one by one, so that no secret of a later output gets in."""
TOLD = {
    "changed": "changed by others",
    "unmanaged": "set by others",
    "notRunning": "stored, but does not run",
}
"""How the three kinds of drift are called."""
STATES = ("idle", "claimed", "starting", "released", "sleeping", "crashed", "dead", "unfinished")


@dataclass(frozen=True)
class Report:
    """One stack at one moment.

    Attributes:
        stack: its name.
        parts: what was read, by `PARTS`.
        unread: part -> why it could not be read, in one line.
    """

    stack: str
    parts: Mapping[str, Any]
    unread: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return it for scripts."""
        known = {name: self.parts[name] for name in PARTS if name in self.parts}
        return {"stack": self.stack, **known, "unread": dict(self.unread)}


def of_outputs(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts that a stack's outputs hold, without their secrets."""
    found = {}
    for part, names in SHOWN.items():
        given = outputs.get(part)
        if isinstance(given, Mapping):
            found[part] = {name: given.get(name, "") for name in names}
    return found


def of_pool(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return the agents by image and state, and where the rollout is, from the pool manager's own status."""
    living = [row for row in status.get("agents") or [] if isinstance(row, Mapping)]
    counts = status.get("counts") or {}
    agents = {
        "total": len(living),
        "latest": int(counts.get("latest") or 0),
        "behind": int(counts.get("behind") or 0),
        "minIdle": status.get("minIdle"),
        "image": status.get("image", ""),
        "database": status.get("database", ""),
        "byImage": _by_image(living),
    }
    return {"agents": agents, "rollout": dict(status.get("rollout") or {})}


def of_updates(history: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the last updates, newest first, from `pulumi stack history --json`."""
    return [
        {
            "kind": row.get("kind", ""),
            "result": row.get("result", ""),
            "at": row.get("endTime") or row.get("startTime", ""),
            "by": (row.get("environment") or {}).get("git.author") or "",
            "changes": {
                name: count
                for name, count in (row.get("resourceChanges") or {}).items()
                if name not in ("same", "read")
            },
        }
        for row in history
    ]


def rows(report: Report) -> list[Row]:
    """Return the table; a part that could not be read says why in its row."""
    makers: Mapping[str, Callable[[Any], Iterable[str]]] = {
        "environment": _environment,
        "image": _image,
        "canary": _service,
        "poolManager": _service,
        "agents": _agents,
        "rollout": _rollout,
        "schema": _schema,
        "drift": _drift,
        "keys": _keys,
        "updates": _updates,
    }
    found = [("stack", report.stack)]
    for part in PARTS:
        label = "pool manager" if part == "poolManager" else part
        lines = list(makers[part](report.parts[part])) if part in report.parts else []
        if part in report.unread:
            lines.append(f"not read: {report.unread[part]}")
        found += [(label if place == 0 else "", line) for place, line in enumerate(lines)]
    return found


def lines(table: Sequence[Row]) -> list[str]:
    """Return the table as lines, its first column as wide as its widest cell."""
    wide = max(len(head) for head, _ in table)
    return [f"  {head:<{wide}}  {text}".rstrip() for head, text in table]


def short(reference: str) -> str:
    """Return the start of an image's digest; of one without, its tag."""
    name, _, digest = reference.partition("@")
    return digest[:DIGEST_SHOWN] if digest else name.rpartition(":")[2]


def _by_image(living: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    images = sorted({(not row.get("latest"), str(row.get("image") or "")) for row in living})
    return [
        {
            "image": image,
            "latest": not behind,
            "states": dict(Counter(str(row.get("state")) for row in living if str(row.get("image") or "") == image)),
        }
        for behind, image in images
    ]


def _environment(part: Mapping[str, Any]) -> Iterable[str]:
    yield f"{part['name']} of {part['project']} ({part['id']})"


def _image(part: Mapping[str, Any]) -> Iterable[str]:
    revision = str(part["revision"])[:7] or "unknown"
    made = f", made {part['created']}" if part["created"] else ""
    digest = part["digest"][:DIGEST_SHOWN]
    yield f"{part['tag'] or 'no tag'}  {digest}  revision {revision}  by {part['chosenBy']}{made}"
    branch = part.get("branch")
    if branch:
        newest = "this one" if branch["digest"] == part["digest"] else f"{branch['digest'][:DIGEST_SHOWN]}, another one"
        yield f"newest of {branch['tag']}: {newest}"


def _service(part: Mapping[str, Any]) -> Iterable[str]:
    notes = " (simulated run)" if part["mode"] == "simulated" else ""
    yield "  ".join(filter(None, [part["status"] or "unknown", short(str(part["image"])), part["url"]])) + notes


def _agents(part: Mapping[str, Any]) -> Iterable[str]:
    if "note" in part:
        yield part["note"]
        return
    on_images = f"{part['latest']} on the latest image, {part['behind']} behind"
    yield f"{part['total']} agents: {on_images}; {part['minIdle']} are kept idle"
    for group in part["byImage"]:
        states = group["states"]
        told = [f"{states[name]} {name}" for name in STATES if name in states]
        told += [f"{count} {name}" for name, count in sorted(states.items()) if name not in STATES]
        yield f"{short(group['image']) or 'no image'}{' (latest)' if group['latest'] else ''}: {', '.join(told)}"
    if part["database"] != "connected":
        yield f"their database: {part['database']}"


def _rollout(part: Mapping[str, Any]) -> Iterable[str]:
    yield f"{part.get('state', 'unknown')}: {part.get('text', '')}"


def _schema(part: Mapping[str, Any]) -> Iterable[str]:
    newest = "the newest of this checkout" if part["version"] == part["newest"] else f"newest here: {part['newest']}"
    drift = part.get("drift")
    told = "" if drift is None else ", no drift" if not drift else f", {len(drift)} changes by others"
    yield f"{part['version'] or 'none yet'}, {newest}{told}"
    yield from drift or []


def _drift(part: Mapping[str, Mapping[str, Sequence[str]]]) -> Iterable[str]:
    if not part:
        yield "none: Railway has, and runs, what the last update left"
    for service, names in sorted(part.items()):
        yield f"{service}: " + "; ".join(f"{TOLD[what]}: {', '.join(names[what])}" for what in TOLD if what in names)


def _keys(part: Mapping[str, str]) -> Iterable[str]:
    by_state: dict[str, list[str]] = {}
    for name, state in part.items():
        by_state.setdefault(state, []).append(name)
    for state in sorted(by_state, key=lambda one: (not one.startswith("missing"), one)):
        yield f"{state}: {', '.join(by_state[state])}"


def _updates(part: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    for row in part:
        changes = ", ".join(f"{count} {name}" for name, count in sorted(row["changes"].items())) or "no changes"
        yield "  ".join(filter(None, [str(row["at"]), str(row["kind"]), str(row["result"]), changes, str(row["by"])]))
