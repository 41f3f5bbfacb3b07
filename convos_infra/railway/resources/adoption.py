"""What a preview says of a thing that is there already: that it is taken over, what changes then, and its id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pulumi.dynamic import CheckFailure

from convos_infra.ownership import ADOPTS, OWNED, SERVICE_OWNED
from convos_infra.provider import Props, has_unknown
from convos_infra.railway.resources.properties import difference

RECORDED = (ADOPTS, OWNED, SERVICE_OWNED)
"""The inputs that say whose a thing is; none of them is ever a difference."""
Found = tuple[str, Mapping[str, Any]]


def with_adoption(olds: Props, news: Props, keys: Iterable[str], find: Callable[[], Found | None]) -> Props:
    """Return new inputs with the announcement of an adoption, where there is one.

    Args:
        olds: the inputs in the state; empty before the first update. What was announced stays for as long as they do.
        news: the new inputs, without failures.
        keys: the properties that an adoption may change.
        find: looks for the thing; returns its id and its properties, or None. Not asked where a parent is new as well.
            Its property `owned` says whether this stack made it, in an update that was interrupted.

    Raises:
        InfraError: as `find` does, for example where it cannot tell which of two is meant.
    """
    if olds:
        return {**news, **announced(olds)}
    known = {key: value for key, value in news.items() if key != SERVICE_OWNED}
    found = None if has_unknown(known) else find()
    if found is None:
        return news
    id_, live = found
    changed = [key for key in keys if news.get(key) not in (None, "") and news[key] != live.get(key)]
    adopts = f"{id_}, changes {', '.join(changed) or 'nothing'}"
    return {**news, ADOPTS: adopts, OWNED: bool(live.get(OWNED))}


def announced(olds: Props) -> Props:
    """Return what was announced before the first update: it stays for as long as the thing does."""
    return {key: olds[key] for key in (ADOPTS, OWNED) if olds.get(key) not in (None, "")}


def with_identity(
    kind: str, olds: Props, news: Props, keys: Iterable[str], find: Callable[[Props], Found | None]
) -> tuple[Props, list[CheckFailure]]:
    """Return new inputs with the ids of a thing that others hang on, looked up before the first update and a change.

    Pulumi takes every output of what is updated in place for unknown, and then shows all that hangs on it as replaced,
    unless it is an input as well.

    Args:
        kind: project, environment or service, for the failure.
        olds: the inputs in the state; empty before the first update.
        news: the new inputs, known and without failures.
        keys: the properties that change in place.
        find: looks for what these inputs name; returns its id, and its ids as outputs, or None. Before the first
            update they hold `owned` as well.

    Returns:
        The inputs, and what is wrong: a thing that is to be changed is not there under its recorded name.

    Raises:
        InfraError: as `find` does.
    """
    kept = announced(olds)
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
