"""What `make status` says of a stack, from what was read: the document for scripts, and whether all is well. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from convos_infra.rollout.agent_rows import agent_rows
from ops.history.resource_changes import resource_changes
from ops.history.update_origin import origin
from ops.status.finding import Finding, Severity
from ops.status.keys import Key
from ops.status.services import ServiceNow

if TYPE_CHECKING:
    from ops.status.source import Source

_LONGEST_STATE = 20
DIGEST_SHOWN = len("sha256:") + 8


class Part(StrEnum):
    """The parts of the page, in their order."""

    BACKEND = "backend"
    UPDATE = "update"
    ENVIRONMENT = "environment"
    SERVICES = "services"
    IMAGE = "image"
    NEWEST = "newestImage"
    AGENTS = "agents"
    ROLLOUT = "rollout"
    SCHEMA = "schema"
    DRIFT = "drift"
    KEYS = "keys"
    UPDATES = "updates"


OF_IMAGE = ("reference", "tag", "digest", "revision", "created", "chosenBy")
"""The fields of the stack's output `image` that are shown: an explicit list, so that no later field leaks a secret."""
SUCCEEDED = "succeeded"
ABORTED = "aborted"
CONNECTED = "connected"


@dataclass(frozen=True)
class Told:
    """One part.

    Attributes:
        value: what was read.
        source: from whom, and when.
    """

    value: Any
    source: Source


@dataclass(frozen=True)
class Unread:
    """A part that could not be read.

    Attributes:
        why: in one line.
        source: who was asked, and when; None if no request was made.
    """

    why: str
    source: Source | None = None


@dataclass(frozen=True)
class Report:
    """One stack at one moment.

    Attributes:
        stack: its name.
        parts: what was read.
        unread: what was not.
    """

    stack: str
    parts: Mapping[Part, Told] = field(default_factory=dict)
    unread: Mapping[Part, Unread] = field(default_factory=dict)

    def value(self, part: Part) -> Any:
        """Return what was read of a part; None if it was not."""
        return self.parts[part].value if part in self.parts else None

    @property
    def is_fine(self) -> bool:
        """Whether everything was read, and nothing of it is wrong."""
        return not self.unread and not any(_WRONG[part](told.value) for part, told in self.parts.items())

    def document(self) -> dict[str, Any]:
        """Return it for scripts."""
        told = {str(part): _plain(self.parts[part].value) for part in Part if part in self.parts}
        sources = {str(part): self.parts[part].source.document() for part in Part if part in self.parts}
        sources |= {str(part): row.source.document() for part, row in self.unread.items() if row.source is not None}
        unread = {str(part): row.why for part, row in self.unread.items()}
        return {"stack": self.stack, "fine": self.is_fine, **told, "unread": unread, "sources": sources}


def of_outputs(outputs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the image that the last update chose, from the stack's outputs."""
    given = outputs.get("image")
    return {name: given.get(name) or "" for name in OF_IMAGE} if isinstance(given, Mapping) else None


def of_pool(status: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the agents by image and state, and where the rollout is, from the pool manager's own status.

    Raises:
        TypeError, ValueError, AttributeError: it is not the status of a pool manager.
    """
    living = agent_rows(status)
    if living is None:
        raise ValueError("it lists no agents")
    if "agents" not in status:
        # Other pool managers do not report the images of agents.
        states = Counter(str(row.get("state"))[:_LONGEST_STATE] for row in living)
        told = ", ".join(f"{number} {state}" for state, number in sorted(states.items()) if state.isprintable())
        note = f"{len(living)} agents{': ' if told else ''}{told}; this pool manager does not tell their images"
        return {"note": note, "total": len(living)}, {"state": "held", "text": "this pool manager has no rollouts"}
    counts = status.get("counts") or {}
    agents = {
        "total": len(living),
        "latest": int(counts.get("latest") or 0),
        "behind": int(counts.get("behind") or 0),
        "behindKeys": int(counts.get("behindKeys") or 0),
        "minIdle": status.get("minIdle"),
        "image": status.get("image", ""),
        "database": status.get("database", ""),
        "byImage": _by_image(living),
    }
    return agents, dict(status.get("rollout") or {})


def of_updates(history: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the last updates, newest first, from `pulumi stack history --json`."""
    return [
        {
            "kind": row.get("kind", ""),
            "result": row.get("result", ""),
            "at": row.get("endTime") or row.get("startTime", ""),
            "by": origin(row.get("environment") or {}),
            "changes": resource_changes(row),
        }
        for row in history
    ]


def last_update(updates: Sequence[Mapping[str, Any]], written_at: str) -> str:
    """Return when the outputs were made: at the end of the last good update, or when the state was written."""
    ended = (str(row["at"]) for row in updates if row["kind"] == "update" and row["result"] == SUCCEEDED)
    return next(ended, written_at)


def short(reference: str) -> str:
    """Return the start of an image's digest; without a digest, its tag."""
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


def _plain(value: Any) -> Any:
    if isinstance(value, Finding | ServiceNow):
        return value.document()
    if isinstance(value, tuple) and all(isinstance(item, Key) for item in value):
        return {key.name: key.state for key in value}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _never(_: Any) -> bool:
    return False


_WRONG: Mapping[Part, Callable[[Any], bool]] = {
    Part.BACKEND: _never,
    Part.UPDATE: lambda value: bool(value["locks"] or value["inProgress"] or value["unfinished"]),
    Part.ENVIRONMENT: lambda value: bool(value["gone"]),
    # A problem with what a service runs is one of the findings of the drift.
    Part.SERVICES: lambda value: any(row.running is None for row in value),
    Part.IMAGE: _never,
    Part.NEWEST: _never,
    Part.AGENTS: lambda value: "note" not in value and value["database"] != CONNECTED,
    Part.ROLLOUT: lambda value: value.get("state") == ABORTED,
    Part.SCHEMA: lambda value: bool(value["drift"]) or value["version"] != value["recorded"],
    Part.DRIFT: lambda value: any(one.severity > Severity.INFORMATION for one in value),
    Part.KEYS: _never,
    Part.UPDATES: lambda value: bool(value) and value[0]["result"] != SUCCEEDED,
}
