"""A preview as data: its changes, their deployments, and how two previews of one change differ. Pure.

The input is `pulumi preview --json` (sdk/go/common/display/events.go, PreviewDigest).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What Pulumi writes for a value that is known only after the update (sdk/go/common/resource/plugin/rpc.go)."""
IMAGE, POOL_IMAGE = "registry:Image runtime", "registry:Image pool"
"""The resources that record the runtime image and the pool manager's."""
_IMAGE_FIELDS = frozenset({"digest", "pinned", "revision", "created", "history"})
_IMAGE_REASONS = {IMAGE: frozenset({"image", "RAILWAY_RUNTIME_IMAGE"}), POOL_IMAGE: frozenset({"image"})}
UNCHANGED = frozenset({"same", "read", "read-replacement", "read-discard", "refresh"})
"""Pulumi's names of the operations that change nothing."""
_NOISE = frozenset({"__provider", "__defaults"})
_ROLLOUT = "convos:AgentRollout "
_ANSWERS_AT = frozenset({"mode", "url"})
_LATER = '"known after the update"'
_ANNOUNCED = ("deploys", "change")
_HIDDEN = "(a secret, or a value that is not shown)"

Leaf = tuple[str, str]
"""Before and after, each as JSON; empty if there is no value."""


@dataclass(frozen=True)
class Cost:
    """The deployments of a change, as the provider announces them in the input `change` (railway/change.py).

    Attributes:
        deployments: how many.
        because: why: names of fields and variables, or a condition such as `crashed`.
        others: changes that others have stored, which these deployments apply as well.
    """

    deployments: int = 0
    because: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it as text: `1 deployment: image, A`."""
        text = f"{self.deployments} deployment{'s' * (self.deployments != 1)}: {', '.join(self.because)}"
        return f"{text}; also deploys what others stored: {', '.join(self.others)}" if self.others else text

    @property
    def is_nothing(self) -> bool:
        """Whether no deployment is announced."""
        return not (self.deployments or self.because)


FREE = Cost()


@dataclass(frozen=True)
class ResourceChange:
    """What happens to one resource.

    Attributes:
        what: type and name, without the stack's name.
        op: Pulumi's name of the operation: create, update, replace, delete, …
        properties: path -> before and after, of the inputs that differ.
        cost: the deployments that its provider announces.
    """

    what: str
    op: str
    properties: Mapping[str, Leaf]
    cost: Cost = FREE

    @property
    def deployments(self) -> int:
        """How many deployments it makes."""
        return self.cost.deployments

    def lines(self) -> list[str]:
        """Return it as text, one line per property."""
        head = f"{self.op} {self.what}"
        return [f"{head}: {path}: {old or '-'} -> {new or '-'}" for path, (old, new) in self.properties.items()] or [
            head
        ]


@dataclass(frozen=True)
class Preview:
    """Everything that an update would do."""

    changes: tuple[ResourceChange, ...]

    @property
    def deployments(self) -> int:
        """How many deployments it makes."""
        return sum(change.deployments for change in self.changes)

    def image_of(self, recorded: str) -> Mapping[str, Leaf]:
        """Return the changes of an image, `IMAGE` or `POOL_IMAGE`; empty if it does not change."""
        return next((change.properties for change in self.changes if change.what == recorded), {})

    def digest_of(self, recorded: str) -> str:
        """Return the digest of the new image; empty if it does not change."""
        return str(json.loads(self.image_of(recorded).get("digest", ("", ""))[1] or '""'))

    @property
    def fingerprint(self) -> str:
        """12 hex digits that are the same for the same changes."""
        return hashlib.sha256(encoded(self)).hexdigest()[:12]


def parse(document: Mapping[str, Any]) -> Preview:
    """Read what `pulumi preview --json` printed.

    Raises:
        ValueError: it is not a preview, or the preview failed.
    """
    steps = document.get("steps") or []
    if not isinstance(steps, list) or "changeSummary" not in document:
        raise ValueError("not a preview by Pulumi, or a failed one")
    changes = [_change(step) for step in steps if step.get("op") not in UNCHANGED]
    return Preview(tuple(sorted(changes, key=lambda change: (change.what, change.op))))


def differences(reviewed: Preview, now: Preview, *built: str) -> list[str]:
    """Return the differences between a preview and the reviewed one, apart from the images that were just built.

    Args:
        reviewed: the preview of the pull request.
        now: the preview of the deploy.
        built: the digests of the images that were just built. A change to any other image counts as a difference.
    """
    reviewed, now = without_plan(reviewed), without_plan(now)
    for recorded in (IMAGE, POOL_IMAGE):
        if now.digest_of(recorded) in filter(None, built):
            reviewed, now = without_image(reviewed, recorded), without_image(now, recorded)
    before, after = _by_line(reviewed), _by_line(now)
    lines = [f"reviewed, but not in this preview: {line}" for line in before if line not in after]
    return lines + [f"in this preview, but not reviewed: {line}" for line in after if line not in before]


def without_plan(preview: Preview) -> Preview:
    """Return a preview without the plan of a rollout, which depends on the agents that run at the moment."""
    kept = []
    for change in preview.changes:
        properties = dict(change.properties)
        if change.what.startswith(_ROLLOUT):
            properties = {path: leaf for path, leaf in properties.items() if not path.startswith("plan")}
            if change.op == "update" and not properties:
                continue
        kept.append(ResourceChange(change.what, change.op, properties, change.cost))
    return Preview(tuple(kept))


def without_image(preview: Preview, recorded: str = IMAGE) -> Preview:
    """Return a preview without what a new image changes, and without what follows from that alone."""
    pinned = preview.image_of(recorded).get("pinned", ("", ""))
    kept = []
    for change in preview.changes:
        properties = {
            path: leaf
            for path, leaf in change.properties.items()
            if not (change.what == recorded and path in _IMAGE_FIELDS) and not _follows(change, path, leaf, pinned)
        }
        because = tuple(sorted(set(change.cost.because) - _IMAGE_REASONS[recorded]))
        cost = Cost(0, because, change.cost.others)
        left = bool(properties or because or cost.others)
        only_image = bool(change.properties or not change.cost.is_nothing) and not left
        if change.op != "update" or not only_image:
            kept.append(ResourceChange(change.what, change.op, properties, cost))
    return Preview(tuple(kept))


def encoded(preview: Preview) -> bytes:
    """Return a preview as bytes; equal changes give equal bytes."""
    rows = [[change.what, change.op, dict(change.properties), _row(change.cost)] for change in preview.changes]
    return json.dumps(rows, separators=(",", ":"), sort_keys=True).encode()


def decoded(data: bytes) -> Preview:
    """Return what `encoded` wrote.

    Raises:
        ValueError: `encoded` did not write it.
    """
    try:
        rows = json.loads(data)
        return Preview(
            tuple(
                ResourceChange(
                    str(what), str(op), {str(path): (str(a), str(b)) for path, (a, b) in leaves.items()}, _cost(cost)
                )
                for what, op, leaves, cost in rows
            )
        )
    except (TypeError, AttributeError) as error:
        raise ValueError(f"not an encoded preview: {error}") from None


def _row(cost: Cost) -> dict[str, Any]:
    return {"deployments": cost.deployments, "because": list(cost.because), "others": list(cost.others)}


def _cost(row: Any) -> Cost:
    """Read what `_row` wrote, or an input `change`."""
    if not isinstance(row, Mapping):
        raise TypeError(f"a cost must be an object, not {type(row).__name__}")
    names = {key: tuple(str(name) for name in row.get(key) or ()) for key in ("because", "others")}
    return Cost(int(row.get("deployments") or 0), names["because"], names["others"])


def _by_line(preview: Preview) -> dict[str, None]:
    lines: dict[str, None] = {}
    for change in preview.changes:
        reasons = ",".join(sorted(change.cost.because))
        lines |= dict.fromkeys([*change.lines(), *([f"{change.what} is deployed for {reasons}"] if reasons else [])])
        lines |= {f"{change.what}: {name}, stored by others, is deployed": None for name in change.cost.others}
    return lines


def _change(step: Mapping[str, Any]) -> ResourceChange:
    op, urn = str(step.get("op")), str(step.get("urn"))
    *_, kind, name = urn.split("::")
    what = f"{kind.rpartition('$')[2].removeprefix('pulumi-python:dynamic/')} {name}"
    before = (step.get("oldState") or {}).get("inputs") or {}
    after = (step.get("newState") or {}).get("inputs") or {}
    if op.startswith("delete"):
        return ResourceChange(what, op, {})
    # Each update announces its cost anew, so the previous announcement is not a change.
    cost, said = after.get("change"), before.get("change")
    old, new = (dict(_leaves({key: row[key] for key in row if key not in _ANNOUNCED})) for row in (before, after))
    properties = {
        path: (old.get(path, ""), new.get(path, ""))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    }
    if op == "update" and not properties and cost == said:
        properties = {_HIDDEN: ("", "")}
    return ResourceChange(what, op, properties, _cost(cost) if cost and cost != said else FREE)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key in sorted(value):
            if key not in _NOISE:
                yield from _leaves(value[key], f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    else:
        yield path, _LATER if value == UNKNOWN else json.dumps(value, sort_keys=True)


def _follows(change: ResourceChange, path: str, leaf: Leaf, image: Leaf) -> bool:
    # The pool manager's address is unknown until it is deployed.
    if change.what.startswith(_ROLLOUT) and path in _ANSWERS_AT and leaf[1] == _LATER:
        return True
    if leaf == image and all(image):
        return True
    # A future deployment has no id yet; its service announces the reason.
    return change.what.startswith("railway:Deployment ") and path.endswith(".deploymentId")
