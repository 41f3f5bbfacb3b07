"""What the first preview says of a thing that is there already: that it is taken over, and what changes then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from convos_infra.provider import Props, has_unknown

ADOPTS = "adopts"
Found = tuple[str, Mapping[str, Any]]


def with_adoption(olds: Props, news: Props, keys: Iterable[str], find: Callable[[], Found | None]) -> Props:
    """Return new inputs with the announcement of an adoption, where there is one.

    Args:
        olds: the inputs in the state; empty before the first update. What was announced stays for as long as they do.
        news: the new inputs, without failures.
        keys: the properties that an adoption may change.
        find: looks for the thing; returns its id and its properties, or None. Not asked where a parent is new as well.

    Raises:
        InfraError: as `find` does, for example where it cannot tell which of two is meant.
    """
    if olds:
        return {**news, ADOPTS: olds[ADOPTS]} if olds.get(ADOPTS) else news
    found = None if has_unknown(news) else find()
    if found is None:
        return news
    id_, live = found
    changed = [key for key in keys if news.get(key) not in (None, "") and news[key] != live.get(key)]
    return {**news, ADOPTS: f"{id_}, changes {', '.join(changed) or 'nothing'}"}
