"""Logs the problems of agents: each one once, even if it comes and goes, and only a few lines at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from .act import Act
from .counted import counted

REPEAT_SECONDS = 600.0
"""For how long, in seconds, an agent must not have had a problem before the same problem is logged again."""
MOST_AT_ONCE = 20
"""The most lines of one round: only the last 500 events are kept, and an outage must not replace all others."""
MOST_NAMED = 200
"""The most agents that the line about the rest names."""


class ProblemLog:
    """Remembers which problems are in the log.

    Args:
        log: called with each line of the log.
        clock: monotonic seconds.
    """

    def __init__(self, log: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._logged: dict[tuple[str, str], float] = {}

    def update(self, problems: Mapping[str, str]) -> None:
        """Log the new problems.

        Args:
            problems: the problem of each agent that has one, by the agent's id.
        """
        now = self._clock()
        recent = {pair: at for pair, at in self._logged.items() if now - at < REPEAT_SECONDS}
        new = [pair for pair in problems.items() if pair not in recent]
        self._logged = recent | dict.fromkeys(problems.items(), now)
        for agent_id, problem in new[:MOST_AT_ONCE]:
            self._log(Act("unhealthy", problem, agent_id))
        rest = [agent_id for agent_id, _ in new[MOST_AT_ONCE:]]
        if rest:
            named = ", ".join(rest[:MOST_NAMED]) + (", …" if len(rest) > MOST_NAMED else "")
            self._log(Act("unhealthy", f"unhealthy: {counted(len(rest), 'more agent', 'more agents')}: {named}"))
