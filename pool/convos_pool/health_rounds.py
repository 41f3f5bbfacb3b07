"""Checks the health of many agents at once, and limits the time for all of them together.

A slow agent's request continues in the background; until it has answered, its previous answer counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from .readiness import Readiness

if TYPE_CHECKING:
    from .railway import Instance

ROUND_SECONDS, FIRST_SECONDS = 2.0, 5.5
"""The longest duration, in seconds, of a round, and of one with an agent that was never checked before."""
GRACE_SECONDS = 0.25
"""How long, in seconds, a round waits for agents that did not answer the previous round, after all others answered."""
AT_ONCE, SILENT_AT_ONCE = 64, 32
"""The threads for agents that answer, and for those that did not answer before and must not delay the others."""
_Place = tuple[str, str]
_ORDER = {Readiness.READY: 0, Readiness.NOT_READY: 1, Readiness.UNAUTHORIZED: 1, Readiness.NONSENSE: 2}
_UNKNOWN, _SILENT = 1, 3


class HealthRounds:
    """Rounds of health checks, one at a time.

    Args:
        ask: checks one agent, and ends by itself.
        round_seconds: the longest duration of a round.
        first_seconds: the longest duration of a round if an agent is checked for the first time.
        grace_seconds: see GRACE_SECONDS.
    """

    def __init__(
        self,
        ask: Callable[[Instance], Readiness],
        round_seconds: float = ROUND_SECONDS,
        first_seconds: float = FIRST_SECONDS,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._ask = ask
        self._round_seconds = round_seconds
        self._first_seconds = first_seconds
        self._grace_seconds = grace_seconds
        self._threads = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="health")
        self._patient_threads = ThreadPoolExecutor(max_workers=SILENT_AT_ONCE, thread_name_prefix="health-silent")
        self._last: dict[_Place, Readiness] = {}
        self._pending: dict[_Place, Future[Readiness]] = {}
        self._were_ready: set[_Place] = set()

    def ask(self, asked: Mapping[str, Instance]) -> dict[str, Readiness]:
        """Check agents, by the service's id; return the answer of each, or its previous one."""
        places = {id_: one.place for id_, one in asked.items()}
        asked_before = frozenset(self._pending)
        # Agents that answered before come first: a hundred that hang must not delay a thousand others.
        for id_ in sorted(asked, key=lambda one: self._turn(places[one])):
            if places[id_] not in self._pending:
                is_silent = self._last.get(places[id_]) is Readiness.SILENT
                threads = self._patient_threads if is_silent else self._threads
                self._pending[places[id_]] = threads.submit(self._ask, asked[id_])
        self._wait(frozenset(places.values()), asked_before)
        # An agent without a previous answer gets the time of a whole request, because no other answer can count.
        unknown = [self._pending[found] for found in places.values() if found not in self._last]
        wait(unknown, timeout=self._first_seconds - self._round_seconds)
        for key, future in list(self._pending.items()):
            if future.done():
                self._last[key] = Readiness.SILENT if future.exception() is not None else future.result()
                del self._pending[key]
                if self._last[key] is Readiness.READY:
                    self._were_ready.add(key)
        return {id_: self._last.get(places[id_], Readiness.SILENT) for id_ in asked}

    def _wait(self, places: frozenset[_Place], asked_before: frozenset[_Place]) -> None:
        """Wait until all have answered, at most for a round; for those that were silent before, only the grace time."""
        until = time.monotonic() + self._round_seconds
        silent = {one for one in places if one in asked_before or self._last.get(one) is Readiness.SILENT}
        wait([self._pending[found] for found in places - silent], timeout=self._round_seconds)
        left = min(self._grace_seconds, until - time.monotonic())
        wait([self._pending[found] for found in silent], timeout=max(0.0, left))

    def said(self, instance: Instance) -> Readiness | None:
        """Return an agent's last answer; None if it was not checked yet."""
        return self._last.get(instance.place)

    def was_ready(self, instance: Instance) -> bool:
        """Tell whether an agent's deployment has been ready before."""
        return instance.place in self._were_ready

    def forget(self, known: frozenset[_Place]) -> None:
        """Forget all deployments except these."""
        self._were_ready &= known
        self._last = {key: said for key, said in self._last.items() if key in known}

    def _turn(self, key: _Place) -> int:
        """Return the position of an agent in a round: the most likely to answer first."""
        said = self._last.get(key)
        return _UNKNOWN if said is None else _ORDER.get(said, _SILENT)
