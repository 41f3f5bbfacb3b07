"""Reads Railway's answers: pages that end, and an error in one line for an answer of another shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .errors import RailwayCallError

MOST_PAGES = 200
"""Of one list. With pages of a hundred, that is more than any workspace has."""


@contextmanager
def readable(operation: str) -> Iterator[None]:
    """Read an answer in a block, or in a function.

    Args:
        operation: what was asked, for the error.

    Raises:
        RailwayCallError: the answer has another shape than was asked for.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        problem = f"the answer cannot be read ({type(error).__name__}); Railway may have changed its API"
        raise RailwayCallError(operation, problem, "unreadable") from None


def pages(operation: str, ask: Callable[[str | None], Mapping[str, Any]]) -> Iterator[Any]:
    """Yield the nodes of a list, page after page.

    Args:
        operation: what is asked, for errors.
        ask: returns the connection after a cursor.

    Raises:
        RailwayCallError: a cursor comes again, or there are more pages than any list has: what was read is no list.
    """
    after: str | None = None
    seen: set[str | None] = {None}
    while True:
        connection = ask(after)
        yield from (edge["node"] for edge in connection["edges"])
        if not connection["pageInfo"]["hasNextPage"]:
            return
        after = connection["pageInfo"]["endCursor"]
        if after in seen or len(seen) >= MOST_PAGES:
            raise RailwayCallError(operation, f"the list does not end (page {len(seen)})", "endless")
        seen.add(after)
