"""Reads Railway's answers: pages that end, and an error in one line for an answer of another shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .errors import RailwayCallError

MOST_PAGES = 200
"""The most pages of one list: with a hundred rows in each, more than any workspace has."""


@contextmanager
def readable(operation: str) -> Iterator[None]:
    """Convert the errors of reading an answer, for a block or a function.

    Args:
        operation: the name of the operation, for the error.

    Raises:
        RailwayCallError: the answer does not have the shape that the operation asks for.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        problem = f"the answer cannot be read ({type(error).__name__}); Railway may have changed its API"
        raise RailwayCallError(operation, problem, "unreadable") from None


def pages(operation: str, ask: Callable[[str | None], Mapping[str, Any]]) -> Iterator[Any]:
    """Yield the nodes of a list, page after page.

    Args:
        operation: the name of the operation, for errors.
        ask: returns the page after a cursor, a GraphQL connection.

    Raises:
        RailwayCallError: a cursor is repeated, or there are more than MOST_PAGES pages.
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
