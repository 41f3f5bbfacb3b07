"""Makes one patch and its conflicts from the recorded, the wanted and the live configuration. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from convos_infra.railway import sealing
from convos_infra.railway.environment_config import (
    BY_NAME,
    FIELDS,
    SEALED,
    VARIABLES,
    Config,
    at,
    live_variables,
    makes_deployment,
    put,
    same,
    to_config,
)

Props = Mapping[str, Any]
UNMANAGED, UNMANAGED_FIELDS, SEEN = "unmanaged", "unmanagedFields", "unmanagedSeen"
"""Names of what others set: the variables and fields that the last update saw, and the variables that a refresh saw."""
UNSEEN_CHANGE = (
    "pulumi refresh records it, and the next pulumi up then puts this stack's value back: "
    "put the new value into the config or code first if it should stay"
)
"""The next step about somebody else's change. It has to tell that the next update reverts the change."""


@dataclass(frozen=True)
class Plan:
    """One patch of one service.

    Attributes:
        patch: the patch below `services.<id>`; empty if nothing changes.
        fields: the names of the properties that it changes.
        variables: the names of the variables that it sets or removes.
        conflicts: the names of what somebody else changed since it was recorded.
        deploys: whether Railway deploys it (if the service has a source).
    """

    patch: Config = field(repr=False)
    fields: tuple[str, ...]
    variables: tuple[str, ...]
    conflicts: tuple[str, ...]
    deploys: bool = False


def merge(base: Any, patch: Any) -> Any:
    """Merge a patch into a config as Railway does: objects merge, null removes, anything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(base) if isinstance(base, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def difference(before: Any, after: Any) -> Any:
    """Return the patch that turns `before` into `after` when it is merged.

    Lists and scalars are replaced whole. An object that becomes empty is kept as an empty object.
    """
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return after
    patch: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        if key not in before:
            patch[key] = value
        elif before[key] != value:
            patch[key] = difference(before[key], value)
    return patch


def plan(recorded: Props, wanted: Props, live: Props, *, removes: Collection[str] = ()) -> Plan:
    """Work out one service's patch.

    Args:
        recorded: the properties in Pulumi's state; empty if the service is being taken over or created.
        wanted: the new inputs.
        live: the service's part of the config on Railway.
        removes: unmanaged variables that are removed, as the preview said; all others are kept.
    """
    patch: Config = {}
    conflicts: list[str] = []
    fields = _plan_fields(patch, conflicts, recorded, wanted, live)
    deploys = any(makes_deployment(BY_NAME[name], at(live, BY_NAME[name].path), wanted.get(name)) for name in fields)
    variables = _plan_variables(patch, conflicts, recorded, wanted, live, removes=removes)
    return Plan(patch, tuple(fields), tuple(variables), tuple(conflicts), deploys or bool(variables))


def _plan_fields(patch: Config, conflicts: list[str], recorded: Props, wanted: Props, live: Props) -> list[str]:
    changed = []
    for item in FIELDS:
        have, want, was = at(live, item.path), wanted.get(item.name), recorded.get(item.name)
        managed = want is not None or was is not None
        if not managed:
            continue
        if not item.readable:
            if not same(item, was, want):
                put(patch, item.path, to_config(item, want))
                changed.append(item.name)
            continue
        if same(item, have, want):
            continue
        if recorded and not same(item, was, have) and not (was is None and _is_seen(recorded, item.name)):
            conflicts.append(item.name)
        _put_change(patch, item.path, have, to_config(item, want))
        changed.append(item.name)
    return changed


def _put_change(patch: Config, path: tuple[str, ...], have: Any, want: Any) -> None:
    """Put a value into a patch; Railway merges objects, so a key that is removed (a region, a limit) has to be null."""
    put(patch, path, difference(have, want) if isinstance(have, Mapping) and isinstance(want, Mapping) else want)


def _plan_variables(
    patch: Config, conflicts: list[str], recorded: Props, wanted: Props, live: Props, *, removes: Collection[str]
) -> list[str]:
    have, want = live_variables(live), dict(wanted.get(VARIABLES) or {})
    was = dict(recorded.get(VARIABLES) or {})
    sealed = set(wanted.get(SEALED) or ())
    changed = []
    for name, value in sorted(want.items()):
        present, now = name in have, have.get(name)
        # Railway's value cannot be read, so it is assumed to equal the recorded one; without a recorded one, it is
        # accepted. One that others have sealed since must not be taken for one that this update seals.
        unseen = sealing.is_unseen(recorded, name, have)
        if present and now is None and was.get(name, value) == value and not (unseen and name in sealed):
            continue
        if present and now == value and name not in sealed:
            continue
        if recorded and _is_conflict(recorded, name, have):
            conflicts.append(name)
        put(patch, (VARIABLES, name), {"value": value, **({"isSealed": True} if name in sealed else {})})
        changed.append(name)
    gone = {name for name in (*was, *removes) if name not in want}
    for name in sorted(gone):
        if name not in have:
            continue
        if name in was and (_differs(have[name], was[name]) or sealing.is_unseen(recorded, name, have)):
            conflicts.append(name)
        put(patch, (VARIABLES, name), None)
        changed.append(name)
    return changed


def _is_conflict(recorded: Props, name: str, have: Mapping[str, str | None]) -> bool:
    """Tell whether somebody changed, removed or set a wanted variable and nothing recorded says so."""
    was = recorded.get(VARIABLES) or {}
    if name not in have:
        return name in was
    if have[name] is None:
        return sealing.is_unseen(recorded, name, have)
    return have[name] != was[name] if name in was else not _is_seen(recorded, name)


def _differs(live: str | None, recorded: Any) -> bool:
    return live is not None and live != recorded


def _is_seen(recorded: Props, name: str) -> bool:
    """Tell whether the state records that others had set something before this stack wanted it."""
    return any(name in (recorded.get(key) or ()) for key in (UNMANAGED, UNMANAGED_FIELDS, SEEN))
