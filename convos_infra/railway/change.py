"""The deployments that a service's change needs, as its preview announces them: value, text and number. Pure.

The number distinguishes an announcement from the one before it, even if both have the same text: an update deploys only
if its number is not yet in the state (docs/decisions/0010).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from convos_infra.railway import sealing
from convos_infra.railway.environment_config import FIELDS, SEALED, VARIABLES, makes_deployment, same

Props = Mapping[str, Any]
DEPLOYS, CHANGE = "deploys", "change"
REMOVES, SOURCED, REDEPLOYS, REVIVES, REBINDS = "removes", "sourced", "redeploys", "revives", "rebinds"
RERENDERS = "rerenders"
AT_MOST = "atMost"
ORDERED = "ordered"
ANNOUNCED = (DEPLOYS, CHANGE)
_SHOWN_NAMES = 4


@dataclass(frozen=True)
class Change:
    """The change of one service, and how many deployments it needs.

    Attributes:
        deployments: 0 or 1; more where one resource waits for several services.
        at_most: how many it needs if others change what runs before the update; Railway's current state lowers it to
            `deployments`.
        fields, variables: the names of what changes in its configuration, never values.
        idle: names of what is stored already but does not run.
        revives: the condition of a service that does not serve, such as `crashed`; empty for one that does.
        rerenders: variables whose references resolve differently because of other changes in the same update.
        rebinds: volumes, proxies and domains that only a new deployment applies.
        others: what others stored without deploying it, and the deployment will apply.
        is_new: whether there was nothing before.
        is_ordered: whether the patch does not deploy by itself what changes, so that the deployment is a second call.
    """

    deployments: int
    fields: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
    revives: str = ""
    rerenders: tuple[str, ...] = ()
    rebinds: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    at_most: int = 0
    is_new: bool = False
    is_ordered: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes."""
        return not (self.fields or self.variables or self.idle or self.revives or self.rerenders or self.rebinds)

    @property
    def is_uncertain(self) -> bool:
        """Whether others can raise the number of deployments before the update."""
        return self.at_most > self.deployments

    @property
    def because(self) -> list[str]:
        """The reasons, as names: fields, variables, a condition, newly bound things."""
        revives = [self.revives] if self.revives else []
        return list(
            dict.fromkeys([*self.fields, *self.variables, *self.idle, *revives, *self.rerenders, *self.rebinds])
        )

    def running_already(self) -> Change:
        """Return the same change for a service that already runs as wanted: it is stored and deploys nothing."""
        at_most = max(self.at_most, self.deployments)
        return replace(self, deployments=0, at_most=at_most, idle=(), revives="", rerenders=(), rebinds=(), others=())

    def text(self) -> str:
        """Return the text for people: `1 deployment: image, 2 variables (A, B)`."""
        shown = list(self.fields)
        if self.variables:
            count, names = len(self.variables), ", ".join(self.variables[:_SHOWN_NAMES])
            more = ", …" if count > _SHOWN_NAMES else ""
            plural = "s" if count > 1 or self.is_new else ""
            shown.append(f"{count} variable{plural}" + ("" if self.is_new else f" ({names}{more})"))
        shown += [f"{', '.join(self.idle)} (stored, not running)"] if self.idle else []
        shown += [_REVIVED.get(self.revives, f"the newest deployment {self.revives}")] if self.revives else []
        shown += [f"{', '.join(self.rerenders)} (refers to what changes)"] if self.rerenders else []
        shown += [f"{', '.join(self.rebinds)} (new to what runs)"] if self.rebinds else []
        cost = f"{self.deployments} deployment{'s' * (self.deployments != 1)}"
        cost += "" if self.deployments else ", stored only"
        text = f"{cost}: {', '.join(shown)}" if shown else "0 deployments: what runs is as it is wanted"
        text += f"; {self.at_most} if others change what runs before the update" if self.is_uncertain else ""
        return f"{text}; also deploys what others stored: {', '.join(self.others)}" if self.others else text


_REVIVED = {
    "removed": "the newest deployment was removed",
    "skipped": "the newest deployment was skipped, and nothing runs",
    "never deployed": "it was never deployed",
}


def recorded(before: Props, after: Props) -> Change:
    """Return the cost of a change of a service's inputs, from what is recorded alone.

    Args:
        before: the inputs in the state; empty for a new service.
        after: the new inputs; a value that is not known yet counts as changed. `removes` are variables of others that
            are removed; `sourced` tells that its source is not an input; `redeploys`, `revives` and `rebinds` are what
            a refresh saw.
    """
    fields = [item for item in FIELDS if not same(item, before.get(item.name), after.get(item.name))]
    old, new = dict(before.get(VARIABLES) or {}), dict(after.get(VARIABLES) or {})
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    names += sorted(set(after.get(SEALED) or ()) - set(before.get(SEALED) or ()) - set(names))
    names += sorted(set(after.get(REMOVES) or ()) - set(names))
    changed = {*(item.name for item in fields), *names}
    found = Change(
        deployments=0,
        fields=tuple(item.name for item in fields),
        variables=tuple(names),
        idle=tuple(sorted(set(after.get(REDEPLOYS) or ()) - changed)),
        revives=str(after.get(REVIVES) or ""),
        rerenders=tuple(sorted(set(after.get(RERENDERS) or ()) - changed)),
        rebinds=tuple(after.get(REBINDS) or ()),
        is_new=not before,
    )
    patched = bool(names) or any(makes_deployment(item, before.get(item.name), after.get(item.name)) for item in fields)
    deploys = patched or bool(found.idle or found.revives or found.rerenders or found.rebinds)
    # A value that others have sealed may be the same one, for which Railway deploys nothing.
    is_ordered = bool(changed) and (not patched or sealing.replaces_hidden(before, after, names))
    return replace(found, deployments=int(deploys and has_source(after)), is_ordered=is_ordered)


def has_source(props: Props) -> bool:
    """Tell from its inputs whether a service has something to deploy: without a source, nothing makes a deployment."""
    return bool(props.get("image") or props.get("repo") or props.get(SOURCED))


def announcement(before: Props, change: Change) -> dict[str, Any]:
    """Return the inputs that announce a change, with the next number.

    Args:
        before: the inputs in the state.
        change: the announced change.
    """
    number = int((before.get(CHANGE) or {}).get("number") or 0) + 1
    data = {"number": number, "deployments": change.deployments, "because": change.because}
    data |= {AT_MOST: change.at_most} if change.is_uncertain else {}
    data |= {ORDERED: True} if change.is_ordered and (change.deployments or change.at_most) else {}
    return {
        DEPLOYS: f"{change.text()} (change {number})",
        CHANGE: {**data, **({"others": list(change.others)} if change.others else {})},
    }


def kept_announcement(before: Props) -> dict[str, Any]:
    """Return the inputs of the previous announcement, which stays because nothing changes."""
    return {key: before[key] for key in ANNOUNCED if before.get(key)}


def is_announced(before: Props, after: Props) -> bool:
    """Tell whether new inputs announce a change that those in the state do not."""
    return _number(after) != _number(before)


def announced(before: Props, after: Props) -> int:
    """Return how many deployments a preview has announced.

    Args:
        before: the properties in the state.
        after: the new inputs.
    """
    return int((after.get(CHANGE) or {}).get("deployments") or 0) if is_announced(before, after) else 0


def announced_at_most(before: Props, after: Props) -> int:
    """Return how many deployments a preview has announced for the case that others change what runs before the update.

    Args:
        before: the properties in the state.
        after: the new inputs.
    """
    said = int((after.get(CHANGE) or {}).get(AT_MOST) or 0) if is_announced(before, after) else 0
    return max(said, announced(before, after))


def _number(props: Props) -> int:
    return int((props.get(CHANGE) or {}).get("number") or 0)
