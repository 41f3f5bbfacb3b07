"""A preview as data: what changes, what it costs, and how two previews of one change differ. Pure.

`pulumi preview --json` is read; its form is Pulumi's own (sdk/go/common/display/events.go, PreviewDigest).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What Pulumi writes for a value that is known only after the update (sdk/go/common/resource/plugin/rpc.go)."""
IMAGE = "registry:Image runtime"
"""The resource that records the runtime image."""
_IMAGE_FIELDS = frozenset({"digest", "pinned", "revision", "created", "history"})
_IMAGE_REASONS = frozenset({"image", "RAILWAY_RUNTIME_IMAGE"})
_UNCHANGED = frozenset({"same", "read", "read-replacement", "read-discard", "refresh"})
_NOISE = frozenset({"__provider", "__defaults"})
_COST = re.compile(r"(?P<count>\d+) deployments?[^:]*: (?P<why>.*)")
_NUMBER = re.compile(r" \(change \d+\)$")
_VARIABLES = re.compile(r"\d+ variables? \((?P<names>[^)]*)\)")
_ROLLOUT = "convos:AgentRollout "
_HIDDEN = "(a secret, or a value that is not shown)"

Leaf = tuple[str, str]
"""Before and after, each as JSON; empty where there is none."""


@dataclass(frozen=True)
class Change:
    """What happens to one resource.

    Attributes:
        what: type and name, without the stack's name.
        op: Pulumi's word: create, update, replace, delete, …
        properties: path -> before and after, of the inputs that differ.
        cost: what the service's own provider says that it costs; empty for what deploys nothing.
    """

    what: str
    op: str
    properties: Mapping[str, Leaf]
    cost: str = ""

    @property
    def deployments(self) -> int:
        """How many deployments it makes."""
        found = _COST.fullmatch(self.cost)
        return int(found["count"]) if found else 0

    def lines(self) -> list[str]:
        """Return it for people, a line a property."""
        head = f"{self.op} {self.what}"
        return [f"{head}: {path}: {old or '-'} -> {new or '-'}" for path, (old, new) in self.properties.items()] or [
            head
        ]


@dataclass(frozen=True)
class Preview:
    """Everything that an update would do."""

    changes: tuple[Change, ...]

    @property
    def deployments(self) -> int:
        """How many deployments it makes."""
        return sum(change.deployments for change in self.changes)

    @property
    def image(self) -> Mapping[str, Leaf]:
        """What changes of the runtime image; empty where nothing does."""
        return next((change.properties for change in self.changes if change.what == IMAGE), {})

    @property
    def digest(self) -> str:
        """The digest of the runtime image that comes; empty where it stays."""
        return str(json.loads(self.image.get("digest", ("", ""))[1] or '""'))

    @property
    def fingerprint(self) -> str:
        """12 hex digits that are the same for the same changes."""
        return hashlib.sha256(encoded(self)).hexdigest()[:12]


def parse(document: Mapping[str, Any]) -> Preview:
    """Read what `pulumi preview --json` printed.

    Raises:
        ValueError: it is no preview, or one that ended with an error.
    """
    steps = document.get("steps") or []
    if not isinstance(steps, list) or "changeSummary" not in document:
        raise ValueError("this is no preview of Pulumi, or one that failed")
    changes = [_change(step) for step in steps if step.get("op") not in _UNCHANGED]
    return Preview(tuple(sorted(changes, key=lambda change: (change.what, change.op))))


def differences(reviewed: Preview, now: Preview, built: str) -> list[str]:
    """Return in what a preview differs from the reviewed one, apart from the image just built; a line each.

    Args:
        reviewed: of the pull request.
        now: of the deploy.
        built: the digest of the image just built. A change to any other image is a change like all others.
    """
    reviewed, now = without_plan(reviewed), without_plan(now)
    if built and now.digest == built:
        reviewed, now = without_image(reviewed), without_image(now)
    before, after = _by_line(reviewed), _by_line(now)
    lines = [f"reviewed, and not in this preview: {line}" for line in before if line not in after]
    return lines + [f"in this preview, and not reviewed: {line}" for line in after if line not in before]


def without_plan(preview: Preview) -> Preview:
    """Return a preview without the plan of a rollout: it counts living agents, who come and go by themselves."""
    kept = []
    for change in preview.changes:
        properties = dict(change.properties)
        if change.what.startswith(_ROLLOUT):
            properties = {path: leaf for path, leaf in properties.items() if not path.startswith("plan")}
            if change.op == "update" and not properties:
                continue
        kept.append(Change(change.what, change.op, properties, change.cost))
    return Preview(tuple(kept))


def without_image(preview: Preview) -> Preview:
    """Return a preview without what a new runtime image changes, and without what follows from that alone."""
    old, new = preview.image.get("pinned", ("", ""))
    kept = []
    for change in preview.changes:
        properties = {
            path: leaf for path, leaf in change.properties.items() if not _is_of_image(change, path, leaf, (old, new))
        }
        reasons = ",".join(sorted(_reasons(change.cost) - _IMAGE_REASONS))
        only_image = bool(change.properties or change.cost) and not properties and not reasons
        if change.op != "update" or not only_image:
            kept.append(Change(change.what, change.op, properties, reasons))
    return Preview(tuple(kept))


def encoded(preview: Preview) -> bytes:
    """Return a preview as bytes, the same for the same changes."""
    rows = [[change.what, change.op, dict(change.properties), change.cost] for change in preview.changes]
    return json.dumps(rows, separators=(",", ":"), sort_keys=True).encode()


def decoded(data: bytes) -> Preview:
    """Return what `encoded` wrote.

    Raises:
        ValueError: it did not write this.
    """
    try:
        rows = json.loads(data)
        return Preview(
            tuple(
                Change(str(what), str(op), {str(path): (str(a), str(b)) for path, (a, b) in leaves.items()}, str(cost))
                for what, op, leaves, cost in rows
            )
        )
    except (TypeError, AttributeError) as error:
        raise ValueError(f"this is no preview of ours: {error}") from None


def _by_line(preview: Preview) -> dict[str, None]:
    lines: dict[str, None] = {}
    for change in preview.changes:
        reasons = ",".join(sorted(_reasons(change.cost))) if ":" in change.cost else change.cost
        lines |= dict.fromkeys([*change.lines(), *([f"{change.what} is deployed for {reasons}"] if reasons else [])])
    return lines


def _change(step: Mapping[str, Any]) -> Change:
    op, urn = str(step.get("op")), str(step.get("urn"))
    *_, kind, name = urn.split("::")
    what = f"{kind.rpartition('$')[2].removeprefix('pulumi-python:dynamic/')} {name}"
    before = (step.get("oldState") or {}).get("inputs") or {}
    after = (step.get("newState") or {}).get("inputs") or {}
    if op.startswith("delete"):
        return Change(what, op, {})
    old, new = dict(_leaves(before)), dict(_leaves(after))
    # What an update cost is told anew by each; of what it said before, nothing is to be seen.
    cost = new.pop("deploys", "")
    said = old.pop("deploys", "")
    properties = {
        path: (old.get(path, ""), new.get(path, ""))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    }
    if op == "update" and not properties and cost == said:
        properties = {_HIDDEN: ("", "")}
    return Change(what, op, properties, _NUMBER.sub("", str(json.loads(cost))) if cost and cost != said else "")


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key in sorted(value):
            if key not in _NOISE:
                yield from _leaves(value[key], f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    else:
        yield path, '"known after the update"' if value == UNKNOWN else json.dumps(value, sort_keys=True)


def _is_of_image(change: Change, path: str, leaf: Leaf, image: Leaf) -> bool:
    if change.what == IMAGE:
        return path in _IMAGE_FIELDS
    if leaf == image and all(image):
        return True
    # A deployment that is to come has no id yet; why it comes, its service says.
    return change.what.startswith("railway:Deployment ") and path.endswith(".deploymentId")


def _reasons(cost: str) -> frozenset[str]:
    """Return why a service is deployed: names of fields and of variables."""
    found = _COST.fullmatch(cost)
    if not found:
        return frozenset(filter(None, cost.split(",")))
    names = [name for variables in _VARIABLES.finditer(found["why"]) for name in variables["names"].split(", ")]
    fields = _VARIABLES.sub("", found["why"]).split(", ")
    return frozenset(name.strip(" ,") for name in [*names, *fields] if name.strip(" ,"))
