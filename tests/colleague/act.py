"""What an act of the colleague is, and the acts by the mutations that they send."""

from __future__ import annotations

from collections.abc import Callable

from tests.colleague.look import Arguments, Look

Act = Callable[[Look], Arguments | None]


class Acts(dict[str, Act]):
    """Acts by the names of their mutations."""

    def of(self, mutation: str) -> Callable[[Act], Act]:
        """Make a function the act of a mutation."""

        def keep(made: Act) -> Act:
            self[mutation] = made
            return made

        return keep
