"""Sends documents to Railway's API with one token, or with several in turn; converts refusals to our errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from railway_api import errors as refusals
from railway_api.retry import CREATION_THROTTLE_SECONDS, Allowance
from railway_api.transport import is_mutation, operation_name

from . import operations
from .errors import CreationThrottledError, RailwayCallError, ThrottledError

if TYPE_CHECKING:
    from railway_api.client import Client

CLAIMS_SHARE = 0.2
"""The share of an hour's calls that is reserved for claims; each needs one."""
READ_SHARE = 0.1
"""The share of an hour's calls below which ticks no longer read the agents: claims use the last read."""
SHORT_WINDOW_SECONDS = 60.0
"""A rate limit's window that ends sooner, in seconds, reserves nothing for claims: they can wait for the next one."""
CREATE_SECONDS = 10.0
"""The deadline, in seconds, of a project's creation, so that a tick does not wait for a throttle of 30 s."""
NEW_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""The pauses, in seconds, before each retry in a project that was just created."""
REFUSED_SECONDS = 60.0
"""How long, in seconds, a token is not used after a refusal that another token did not get."""
_Answer = TypeVar("_Answer")


@dataclass
class _Turn:
    """The state of one token.

    Attributes:
        client: uses the token.
        is_kind_known: whether the token's kind is known.
        spent_until: after a refusal, the time by `clock` at which Railway accepts its calls again.
        creates_after: after a refusal, the time by `clock` at which it may create a project again.
        used: how many calls it has sent.
    """

    client: Client
    is_kind_known: bool
    spent_until: float = 0.0
    creates_after: float = 0.0
    used: int = 0


class RailwayCalls:
    """Sends documents. With several tokens, each call uses the one with the most calls left in its hour.

    Args:
        clients: one for each token, at least one.
        is_kind_known: False to query the kind of each token once.
        seconds: the longest duration of one call; 0 for the client's own limit.
        throttle_seconds: how long Railway refuses a second project of one user (fact: creation-throttle).
        clock: monotonic seconds.
        sleep: waits a number of seconds.
    """

    def __init__(
        self,
        clients: Sequence[Client],
        *,
        is_kind_known: bool,
        seconds: float = 0.0,
        throttle_seconds: float = CREATION_THROTTLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._turns = [_Turn(client, is_kind_known) for client in clients]
        self._seconds = seconds or None
        self._throttle_seconds = throttle_seconds
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._asking = threading.Lock()

    def allowance(self) -> Allowance | None:
        """Return the rest of Railway's rate limit, of all tokens together; None until all are known."""
        known = [turn.client.allowance for turn in self._turns]
        left = [one for one in known if one is not None]
        if not left or len(left) < len(known):
            return None
        # The first window that ends makes more calls available.
        first = min(one.reset_at for one in left)
        return Allowance(sum(one.remaining for one in left), sum(one.limit for one in left), first)

    @property
    def has_project_token(self) -> bool:
        """Whether a token is a project token, which sees one environment only; known after the first call."""
        return any(turn.client.is_project_token for turn in self._turns)

    def keep_for_claims(self, share: float = CLAIMS_SHARE) -> None:
        """Ensure that work without a waiting caller leaves calls of the hour for requests.

        Args:
            share: the share of the hour's calls that must be left.

        Raises:
            ThrottledError: the rest of this window is reserved for claims; its seconds last until the next one.
        """
        left = self.allowance()
        seconds = left.reset_at - time.time() if left is not None else 0.0
        if left is not None and seconds > SHORT_WINDOW_SECONDS and left.remaining <= left.limit * share:
            raise ThrottledError("calls are reserved for claims", seconds, f"the last {left.remaining} ")

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Limit the total time of this thread's calls inside, in seconds: those that come later fail at once."""
        with ExitStack() as limits:
            for turn in self._turns:
                limits.enter_context(turn.client.within(seconds))
            yield

    def execute(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Send one document and return its `data`.

        Queries, and mutations that were certainly not executed, are sent again within the client's budget. A mutation
        whose answer was lost is not sent again: it may have been executed, and the next tick finds out.

        Raises:
            ThrottledError: Railway asks to wait longer than one call may take.
            RailwayCallError: Railway refused, or gave no usable answer; the error quotes Railway, without the token.
        """
        name, is_query = operation_name(document), not is_mutation(document)

        def send(client: Client) -> dict[str, Any]:
            ask = client.query if is_query else client.mutate_once
            return ask(document, variables, subject=name, deadline_seconds=self._seconds)

        return self._in_turn(name, send, is_query=is_query)

    def execute_in_new(
        self, document: str, variables: Mapping[str, Any], observe: Callable[[], Mapping[str, Any] | None]
    ) -> Mapping[str, Any]:
        """Send a mutation into a project that was just created, where "Not Authorized" may mean "not visible yet".

        Args:
            document: the mutation (fact: new-project-lag).
            variables: its variables.
            observe: reads back what the mutation created; None if it does not exist.

        Returns:
            The result of `observe`, or the mutation's `data`.

        Raises:
            RailwayCallError: see `execute`.
        """
        name = operation_name(document)

        def send(client: Client) -> Mapping[str, Any]:
            data, seen = client.mutate(
                document, variables, subject=name, observe=observe, deadline_seconds=self._seconds
            )
            return seen if seen is not None else data or {}

        for pause in NEW_PAUSES:
            try:
                return self._in_turn(name, send)
            except RailwayCallError as error:
                if error.is_there:
                    raise
            self._sleep(pause)
        return self._in_turn(name, send)

    def create_project(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Create a project with the first token whose user may create one now.

        Raises:
            CreationThrottledError: none may; its seconds last until the first one may.
            RailwayCallError: see `execute`. The project may exist.
        """
        name = operation_name(document)
        for turn in self._ready_to_create():
            try:
                with _as_pool_errors(name):
                    client = self._client(turn)
                    try:
                        return client.mutate_once(document, variables, subject=name, deadline_seconds=CREATE_SECONDS)
                    finally:
                        turn.used += 1
            except ThrottledError as error:
                turn.creates_after = self._clock() + (error.seconds if error.is_of_calls else self._throttle_seconds)
        raise CreationThrottledError(name, min(turn.creates_after for turn in self._turns) - self._clock())

    def _ready_to_create(self) -> list[_Turn]:
        now = self._clock()
        ready = [turn for turn in self._turns if turn.creates_after <= now and turn.spent_until <= now]
        return sorted(ready, key=lambda turn: turn.used)

    def _in_turn(self, name: str, send: Callable[[Client], _Answer], *, is_query: bool = False) -> _Answer:
        tried: list[_Turn] = []
        refused: list[_Turn] = []
        throttled: list[_Turn] = []
        while True:
            turn = self._next(tried)
            tried.append(turn)
            is_last = len(tried) == len(self._turns)
            try:
                with _as_pool_errors(name):
                    answer = send(self._client(turn))
            except ThrottledError as error:
                if not error.is_of_calls:
                    raise
                turn.spent_until = self._clock() + error.seconds
                throttled.append(turn)
            except RailwayCallError as error:
                # "Not Authorized" may apply to this token only, for example a revoked one, so a query tries the next.
                if error.is_there or not is_query or (is_last and not throttled):
                    raise
                refused.append(turn)
            else:
                for one in refused:
                    one.spent_until = self._clock() + REFUSED_SECONDS
                return answer
            if is_last:
                raise ThrottledError(name, min(one.spent_until for one in throttled) - self._clock())

    def _next(self, tried: Sequence[_Turn]) -> _Turn:
        with self._lock:
            now = self._clock()

            def order(turn: _Turn) -> tuple[float, float, int]:
                left = turn.client.allowance
                return max(0.0, turn.spent_until - now), -left.remaining if left is not None else -1e9, turn.used

            # Compared by identity, as two tokens may be equal.
            chosen = min((turn for turn in self._turns if not any(turn is one for one in tried)), key=order)
            chosen.used += 1
            return chosen

    def _client(self, turn: _Turn) -> Client:
        # The lock lets a hundred concurrent claims query the kind only once.
        with self._asking:
            if not turn.is_kind_known:
                try:
                    turn.client.query(
                        operations.PROJECT_TOKEN,
                        {},
                        subject="RAILWAY_API_TOKEN",
                        deadline_seconds=self._seconds or None,
                    )
                except (refusals.NotAuthorized, refusals.NotFound, refusals.Refused):
                    turn.client = turn.client.as_other_kind()
                turn.is_kind_known = True
            return turn.client


@contextmanager
def _as_pool_errors(name: str) -> Iterator[None]:
    try:
        yield
    except refusals.RateLimited as error:
        seconds = CREATION_THROTTLE_SECONDS if error.retry_after is None else error.retry_after
        raise ThrottledError(name, seconds, is_of_calls=True) from None
    except refusals.Throttled:
        raise ThrottledError(name, CREATION_THROTTLE_SECONDS) from None
    except refusals.RailwayError as error:
        is_there = not isinstance(error, refusals.NotAuthorized | refusals.NotFound)
        # Railway refuses a revoked token and a deleted service with the same message.
        step = "; if it refuses every call, check the pool's Railway token"
        problem = error.problem + (step if isinstance(error, refusals.NotAuthorized) else "")
        raise RailwayCallError(name, problem, type(error).__name__, is_there=is_there) from None
