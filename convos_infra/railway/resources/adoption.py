"""Announces in a preview that an existing thing will be taken over: its id, and what the update changes in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pulumi.dynamic import CheckFailure

from convos_infra.ownership import ADOPTS, OWNED, SERVICE_OWNED
from convos_infra.provider import Props, has_unknown
from convos_infra.railway.resources.properties import difference

RECORDED = (ADOPTS, OWNED, SERVICE_OWNED)
"""The inputs that record who made a thing; a difference in them alone is not a change."""
Found = tuple[str, Mapping[str, Any]]
"""An existing thing: its id and its properties."""


def with_adoption(olds: Props, news: Props, keys: Iterable[str], find: Callable[[], Found | None]) -> Props:
    """Return the new inputs; if the thing exists already, with the announcement that it is taken over.

    Args:
        olds: the inputs in the state, whose announcement is kept; empty before the first update.
        news: the new inputs, without failures.
        keys: the properties that an adoption may change.
        find: returns the existing thing, or None; it is not called if a parent is new as well. The property `owned`
            tells whether an interrupted update of this stack made the thing.

    Raises:
        InfraError: from `find`, for example if two things match.
    """
    if olds:
        return {**news, **kept_announcement(olds)}
    known = {key: value for key, value in news.items() if key != SERVICE_OWNED}
    found = None if has_unknown(known) else find()
    if found is None:
        return news
    id_, live = found
    changed = [key for key in keys if news.get(key) not in (None, "") and news[key] != live.get(key)]
    adopts = f"{id_}, changes {', '.join(changed) or 'nothing'}"
    return {**news, ADOPTS: adopts, OWNED: bool(live.get(OWNED))}


def kept_announcement(olds: Props) -> Props:
    """Return the announcement from before the first update, which is kept as long as the resource exists."""
    return {key: olds[key] for key in (ADOPTS, OWNED) if olds.get(key) not in (None, "")}


def with_identity(
    kind: str, olds: Props, news: Props, keys: Iterable[str], find: Callable[[Props], Found | None]
) -> tuple[Props, list[CheckFailure]]:
    """Return the new inputs with the ids of a thing on which other resources depend.

    In a preview, every output of a resource that is updated in place is unknown, and Pulumi then shows the resources
    that depend on it as replaced; an id that is an input as well stays known. So the thing is looked up before the
    first update and before each change.

    Args:
        kind: project, environment or service, for the text of the failure.
        olds: the inputs in the state; empty before the first update.
        news: the new inputs, known and without failures.
        keys: the properties that change in place.
        find: returns the existing thing with the name in these inputs, or None. Its properties are the outputs with
            ids, and before the first update also `owned`.

    Returns:
        The inputs, and a failure if a thing that is to be changed does not exist under its recorded name.

    Raises:
        InfraError: from `find`.
    """
    kept = kept_announcement(olds)
    if olds and not difference(olds, news, keys, ()).changes:
        return {**news, **kept}, []
    found = find(olds or news)
    if found is None:
        return {**news, **kept}, [_gone(kind, str(olds["name"]))] if olds else []
    id_, ids = found
    return {**news, **({} if olds else {ADOPTS: id_}), **ids, **kept}, []


def _gone(kind: str, name: str) -> CheckFailure:
    reason = f"there is no {kind} {name!r} any more (renamed or removed on Railway?)"
    return CheckFailure("name", f"{reason}: pulumi refresh records what is there")
