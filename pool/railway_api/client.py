"""One way to Railway: `Client.query` and `Client.mutate`, each one document, tried again only where that is safe."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from railway_api.progress import say
from railway_api.errors import (
    NotAuthorized,
    NotFound,
    Opaque,
    RailwayError,
    RateLimited,
    ServerFailed,
    Throttled,
    TryAgain,
    Unreachable,
)
from railway_api.retry import CREATION_THROTTLE_SECONDS, Allowance, Budget, backoff, wait_as_told
from railway_api.transport import DEFAULT_ENDPOINT, USER_AGENT, Transport, checked_endpoint, operation_name

__all__ = ["DEFAULT_ENDPOINT", "Client", "Timing", "checked_endpoint", "say"]

_Seen = TypeVar("_Seen")
_Known = TypeVar("_Known")


@dataclass(frozen=True)
class Timing:
    """How patient the client is.

    Attributes:
        connect_seconds: time limit of a TCP connection.
        read_seconds: time limit of an answer; Railway's own CLI takes 90, because duplicating an environment runs
            over 30 (railwayapp/cli src/client.rs).
        settle_seconds: how long a thing that a lost answer may have created is looked for before it is created again;
            read-after-write lag of 1 to 30 seconds was seen (fact: read-lag).
        stick_seconds: how long a committed change may take to show when it is read back.
        newborn_seconds: how long after the creation of a project or an environment "Not Authorized" to what is in it
            is its being new (fact: new-project-lag; others try again for 15 seconds).
        budget: retries of one call.
    """

    connect_seconds: float = 10.0
    read_seconds: float = 90.0
    settle_seconds: float = 20.0
    stick_seconds: float = 30.0
    newborn_seconds: float = 15.0
    budget: Budget = field(default_factory=Budget)


class Client:
    """Sends GraphQL documents with one credential to one endpoint; safe to use from several threads.

    Args:
        endpoint: the URL of the GraphQL endpoint.
        token: an account, workspace or project token.
        project_token: True for a project token, which travels in a header of its own.
        user_agent: who asks, as `product/version`.
        timing: limits; see `Timing`.
        sleep, clock, wall, rng, progress: injected by tests; `wall` is the time of day, in seconds since the epoch.
    """

    def __init__(
        self,
        endpoint: str,
        token: str,
        *,
        project_token: bool = False,
        user_agent: str = USER_AGENT,
        timing: Timing | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        rng: Callable[[], float] = random.random,
        progress: Callable[[str], None] = say,
    ) -> None:
        self.endpoint = endpoint
        self.timing = timing or Timing()
        self.is_project_token = project_token
        self.sleep = sleep
        self.clock = clock
        self.progress = progress
        self._token = token
        header = {"Project-Access-Token": token} if project_token else {"Authorization": f"Bearer {token}"}
        limits = (self.timing.connect_seconds, self.timing.read_seconds)
        self._user_agent = user_agent
        self._transport = Transport(endpoint, header, limits, wall, user_agent)
        self._wall = wall
        self._random = rng
        self._allowance: Allowance | None = None
        self._warned_until = 0.0
        self._newborn_until = -math.inf
        self._asking = threading.Lock()
        self._known: dict[str, Any] = {}

    def as_other_kind(self) -> Client:
        """Return a client that sends the same token as the other kind: project, or account and workspace."""
        return Client(
            self.endpoint,
            self._token,
            project_token=not self.is_project_token,
            user_agent=self._user_agent,
            timing=self.timing,
            sleep=self.sleep,
            clock=self.clock,
            wall=self._wall,
            rng=self._random,
            progress=self.progress,
        )

    def once(self, name: str, ask: Callable[[], _Known]) -> _Known:
        """Return what `ask` answers, asked once in the life of this client; an error is not kept."""
        with self._asking:
            if name not in self._known:
                self._known[name] = ask()
            found: _Known = self._known[name]
            return found

    def newborn(self) -> None:
        """Say that something was just created in which "Not Authorized" means for some seconds that it is new."""
        self._newborn_until = self.clock() + self.timing.newborn_seconds

    def query(self, document: str, variables: Mapping[str, Any], *, thing: str) -> dict[str, Any]:
        """Run a query; tries again after a lost answer, 429 and 5xx, within the budget.

        Args:
            document: the GraphQL document.
            variables: its variables.
            thing: what the query is about, for the error's first word.

        Raises:
            RailwayError: typed; see railway_api.errors.
        """
        return self._persist(lambda: self._post(document, variables, thing), thing, observe=None)[0] or {}

    def mutate_once(self, document: str, variables: Mapping[str, Any], *, thing: str) -> dict[str, Any]:
        """Run a mutation that is sent again only where it was surely not carried out, as after a 429.

        For a caller that compares all that is there with what should be, again and again, as the pool manager does.

        Args:
            document: the GraphQL document.
            variables: its variables.
            thing: what it is about, for errors.

        Raises:
            RailwayError: typed; `may_have_happened` says whether the caller has to look.
        """
        return self._persist(lambda: self._post(document, variables, thing), thing, observe=None, once=True)[0] or {}

    def mutate(
        self,
        document: str,
        variables: Mapping[str, Any],
        *,
        thing: str,
        observe: Callable[[], _Seen | None],
        settle: bool = False,
    ) -> tuple[dict[str, Any] | None, _Seen | None]:
        """Run a mutation at most once, as far as that can be known.

        Args:
            document: the GraphQL document.
            variables: its variables.
            thing: what it is about, for errors.
            observe: reads back whether the mutation happened, and returns what proves it, or None. It is asked before
                any repetition of a mutation whose answer was lost.
            settle: for mutations that make a second thing when repeated (volumes, domains, environments): `observe` is
                asked for `settle_seconds` before "it did not happen" is believed.

        Returns:
            The answer's data, or None where the answer was lost; and what `observe` saw where it was asked.
        """
        return self._persist(lambda: self._post(document, variables, thing), thing, observe=observe, settle=settle)

    def _persist(
        self,
        post: Callable[[], dict[str, Any]],
        thing: str,
        *,
        observe: Callable[[], _Seen | None] | None,
        settle: bool = False,
        once: bool = False,
    ) -> tuple[dict[str, Any] | None, _Seen | None]:
        attempt, spent, opaque = 0, 0.0, 0
        while True:
            attempt += 1
            try:
                return post(), None
            except RailwayError as error:
                if once and error.may_have_happened:
                    raise
                if observe is not None and error.may_have_happened:
                    seen = self._observed(observe, settle=settle)
                    if seen is not None:
                        return None, seen
                opaque += isinstance(error, Opaque)
                # It was looked for and is not there: once more, since such bursts end (fact: refused-may-have-happened).
                once_more = observe is not None and isinstance(error, Opaque) and opaque == 1
                delay = self._delay(error, attempt, spent, once_more=once_more)
                if delay is None:
                    raise
                if isinstance(error, Throttled) or delay >= CREATION_THROTTLE_SECONDS:
                    self.progress(f"{thing}: Railway asks to wait {delay:.0f} s ({error.message or 'rate limit'})")
                self.sleep(delay)
                spent += delay

    def _observed(self, observe: Callable[[], _Seen | None], *, settle: bool) -> _Seen | None:
        deadline = self.clock() + (self.timing.settle_seconds if settle else 0.0)
        pause = 0.25
        while True:
            seen = observe()
            if seen is not None or self.clock() + pause > deadline:
                return seen
            self.sleep(pause)
            pause = min(pause * 2, 4.0)

    def _delay(self, error: RailwayError, attempt: int, spent: float, *, once_more: bool) -> float | None:
        budget = self.timing.budget
        if isinstance(error, Throttled):
            return wait_as_told(budget, attempt, spent, CREATION_THROTTLE_SECONDS)
        if isinstance(error, RateLimited) and error.retry_after is not None:
            # A little after the window, and spread, so that several runs do not come back in the same instant.
            return wait_as_told(budget, attempt, spent, error.retry_after + 0.2 * self._random())
        is_new = isinstance(error, NotAuthorized | NotFound) and self.clock() < self._newborn_until
        if once_more or is_new or isinstance(error, RateLimited | ServerFailed | Unreachable | TryAgain):
            return backoff(budget, attempt, spent, self._random())
        return None

    def _post(self, document: str, variables: Mapping[str, Any], thing: str) -> dict[str, Any]:
        self._spare(operation_name(document))
        data, left = self._transport.post(document, variables, thing)
        if left is not None:
            self._watch(left)
        return data

    def _spare(self, operation: str) -> None:
        """Wait for the next window where Railway has said that this one is used up."""
        pause = 0.0 if self._allowance is None else self._allowance.pause(self.timing.budget, self._wall())
        if not pause:
            return
        self._allowance = None
        if pause > 1:
            self.progress(f"Railway's rate limit is used up: {operation} waits {pause:.0f} s for the next window")
        self.sleep(pause)

    def _watch(self, left: Allowance) -> None:
        """Keep what is left of the rate limit, and say once a window that it runs out."""
        self._allowance = left
        now = self._wall()
        # The short windows, of a second, fill and empty all the time: nobody has to know.
        if left.is_low and left.reset_at - now > 2 and now >= self._warned_until:
            self._warned_until = left.reset_at
            until = datetime.fromtimestamp(left.reset_at, UTC).strftime("%H:%M:%S UTC")
            self.progress(f"Railway's rate limit: {left.remaining} of {left.limit} calls left until {until}")
