"""The client: `Client.query` and `Client.mutate` send one document each, and retry only where that is safe."""

from __future__ import annotations

import functools
import math
import random
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from railway_api.endpoint import DEFAULT_ENDPOINT, checked_endpoint
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
from railway_api.in_flight import InFlight
from railway_api.patience import Patience
from railway_api.progress import say
from railway_api.rate_limit import RateLimit
from railway_api.retry import CREATION_THROTTLE_SECONDS, backoff, wait_as_told
from railway_api.timing import Timing
from railway_api.transport import USER_AGENT, Transport, is_mutation, operation_name

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from railway_api.retry import Allowance

__all__ = ["DEFAULT_ENDPOINT", "Client", "Timing", "checked_endpoint", "say"]

_Seen = TypeVar("_Seen")
_Known = TypeVar("_Known")


class Client:
    """Sends GraphQL documents with one credential to one endpoint; safe to use from several threads.

    Args:
        endpoint: the URL of the GraphQL endpoint.
        token: an account, workspace or project token.
        project_token: True for a project token, which is sent in a different header.
        user_agent: the caller, as `product/version`.
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
        header, value = ("Project-Access-Token", token) if project_token else ("Authorization", f"Bearer {token}")
        self.credential: Mapping[str, str] = {header: value}
        self._user_agent = user_agent
        self._transport = Transport(endpoint, self.credential, self.timing, wall, user_agent)
        self.in_flight = InFlight(clock)
        self._patience = Patience(self.timing, clock)
        self._rate_limit = RateLimit(self.timing, self._patience, wall, sleep, progress)
        self._noticing = threading.Lock()
        self._noticed_until = -math.inf
        self._wall = wall
        self._random = rng
        self._just_created_until = -math.inf
        self._asking = threading.Lock()
        self._known: dict[str, Any] = {}

    @property
    def allowance(self) -> Allowance | None:
        """The remaining rate limit; see `RateLimit.allowance`."""
        return self._rate_limit.allowance

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

    def memoize(self, name: str, ask: Callable[[], _Known]) -> _Known:
        """Return the result of `ask`, which is called once in the life of this client; an error is not kept."""
        with self._asking:
            if name not in self._known:
                self._known[name] = ask()
            return cast("_Known", self._known[name])

    def now(self) -> datetime:
        """Return the time of day."""
        return datetime.fromtimestamp(self._wall(), UTC)

    def mark_just_created(self) -> None:
        """Note a creation: for some seconds, "Not Authorized" may mean that the created thing is not visible yet."""
        self._just_created_until = self.clock() + self.timing.just_created_seconds

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """Limit the total time of this thread's calls inside: `with client.within(10): …`, in seconds.

        The limit covers all tries, the pauses between them and reads back. The deadline of each call applies as well.
        """
        return self._patience.within(seconds)

    def query(
        self, document: str, variables: Mapping[str, Any], *, subject: str, deadline_seconds: float | None = None
    ) -> dict[str, Any]:
        """Run a query; retry it after a lost answer, 429 and 5xx, within the budget.

        Args:
            document: the GraphQL document.
            variables: its variables.
            subject: the subject of the query, for errors.
            deadline_seconds: time limit of all of it; by default `Timing.deadline_seconds`.

        Raises:
            RailwayError: typed; see railway_api.errors.
        """
        with self.within(deadline_seconds or self.timing.deadline_seconds):
            post = functools.partial(self._post, document, variables, subject)
            return self._send_with_retry(post, subject, observe=None)[0] or {}

    def mutate_once(
        self, document: str, variables: Mapping[str, Any], *, subject: str, deadline_seconds: float | None = None
    ) -> dict[str, Any]:
        """Run a mutation that is sent again only if it was certainly not carried out, as after a 429.

        This is for a caller that keeps comparing the actual state with the desired one, as the pool manager does.

        Args:
            document: the GraphQL document.
            variables: its variables.
            subject: what it is about, for errors.
            deadline_seconds: time limit of all of it; by default `Timing.deadline_seconds`.

        Raises:
            RailwayError: typed; `may_have_happened` tells whether the caller has to check the result.
        """
        with self.within(deadline_seconds or self.timing.deadline_seconds):
            post = functools.partial(self._post, document, variables, subject)
            return self._send_with_retry(post, subject, observe=None, once=True)[0] or {}

    def mutate(
        self,
        document: str,
        variables: Mapping[str, Any],
        *,
        subject: str,
        observe: Callable[[], _Seen | None],
        settle: bool = False,
        deadline_seconds: float | None = None,
    ) -> tuple[dict[str, Any] | None, _Seen | None]:
        """Run a mutation at most once, as far as that can be ensured.

        Args:
            document: the GraphQL document.
            variables: its variables.
            subject: what it is about, for errors.
            observe: reads back the mutation's result; returns None if there is none. It is called before a mutation
                whose answer was lost is sent again.
            settle: True for mutations that would create a second thing if they were sent again (volumes, domains,
                environments): then `observe` is repeated for up to `settle_seconds` before that.
            deadline_seconds: time limit of all of it; by default `Timing.deadline_seconds`.

        Returns:
            The answer's data, or None if the answer was lost; and the result of `observe` if it was called.

        Raises:
            RailwayError: typed; see railway_api.errors.
        """
        with self.within(deadline_seconds or self.timing.deadline_seconds):
            post = functools.partial(self._post, document, variables, subject)
            return self._send_with_retry(post, subject, observe=observe, settle=settle)

    def _send_with_retry(
        self,
        post: Callable[[], dict[str, Any]],
        subject: str,
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
                    seen = self._observed(observe, error, settle=settle)
                    if seen is not None:
                        return None, seen
                opaque += isinstance(error, Opaque)
                # `observe` did not find it, so send it once more (fact: refused-may-have-happened).
                once_more = observe is not None and isinstance(error, Opaque) and opaque == 1
                delay = self._delay(error, attempt, spent, once_more=once_more)
                if delay is None:
                    raise
                if not self._patience.lasts(delay):
                    raise self._patience.given_up(error, delay) from error
                if isinstance(error, Throttled) or delay >= CREATION_THROTTLE_SECONDS:
                    self.progress(f"{subject}: Railway asks to wait {delay:.0f} s ({error.message or 'rate limit'})")
                self.sleep(delay)
                spent += delay

    def _observed(self, observe: Callable[[], _Seen | None], error: RailwayError, *, settle: bool) -> _Seen | None:
        deadline = self.clock() + (self.timing.settle_seconds if settle else 0.0)
        pause = 0.25
        while True:
            try:
                seen = observe()
            except Unreachable:
                if self._patience.lasts(0.0):
                    raise
                # There was no time to read it back, so the error is that of the mutation.
                raise error from None
            if seen is not None or not self._patience.lasts(pause) or self.clock() + pause > deadline:
                return seen
            self.sleep(pause)
            pause = min(pause * 2, 4.0)

    def _delay(self, error: RailwayError, attempt: int, spent: float, *, once_more: bool) -> float | None:
        budget = self.timing.budget
        if isinstance(error, Throttled):
            return wait_as_told(budget, attempt, spent, CREATION_THROTTLE_SECONDS)
        if isinstance(error, RateLimited) and error.retry_after is not None:
            # Wait until a little after the window, with jitter, so that several runs do not return at the same instant.
            return wait_as_told(budget, attempt, spent, error.retry_after + 0.2 * self._random())
        is_new = isinstance(error, NotAuthorized | NotFound) and self.clock() < self._just_created_until
        if once_more or is_new or isinstance(error, RateLimited | ServerFailed | Unreachable | TryAgain):
            return backoff(budget, attempt, spent, self._random())
        return None

    def _post(self, document: str, variables: Mapping[str, Any], subject: str) -> dict[str, Any]:
        with self._rate_limit.keeping(operation_name(document), subject), self.in_flight.call():
            return self._sent(document, variables, subject)

    def _sent(self, document: str, variables: Mapping[str, Any], subject: str) -> dict[str, Any]:
        operation = operation_name(document)
        limit = math.inf if is_mutation(document) else self.timing.query_seconds
        seconds = min(self.timing.read_seconds, limit, self._patience.left())
        if seconds <= 0:
            raise Unreachable(subject, f"no time is left to ask Railway for {operation}", "try again", sent=False)
        began = self.clock()
        try:
            data, left = self._transport.post(
                document, variables, subject, seconds=seconds, notice=lambda: self._notice(subject, operation)
            )
        except Unreachable as error:
            raise self._patience.unheard(began, error) from error
        except RailwayError:
            self._patience.heard()
            raise
        self._patience.heard()
        if left is not None:
            self._rate_limit.record(left)
        return data

    def _notice(self, subject: str, operation: str) -> None:
        """Print that an answer is awaited: one line per interval, however many calls wait at the same time."""
        with self._noticing:
            if self.clock() < self._noticed_until:
                return
            self._noticed_until = self.clock() + self.timing.notice_seconds
        self.progress(f"{subject}: still waiting for Railway's answer to {operation}")
