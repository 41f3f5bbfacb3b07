"""One way to Railway: `Client.query` and `Client.mutate`, each one POST of one GraphQL document."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests

from convos_infra.errors import InfraError
from convos_infra.progress import say
from convos_infra.railway.errors import (
    NotAuthorized,
    RailwayError,
    RateLimited,
    ServerFailed,
    Throttled,
    Unreachable,
    error_from_answer,
)
from convos_infra.railway.retry import CREATION_THROTTLE_SECONDS, Budget, backoff, retry_after_seconds, wait_as_told

_Seen = TypeVar("_Seen")

DEFAULT_ENDPOINT = "https://backboard.railway.com/graphql/v2"
# Without a query string the edge counts a client as unidentified traffic: 10 requests a second
# (terraform-provider-railway deed2af; CopilotKit/CopilotKit#4309).
SOURCE = "convos-infra"
USER_AGENT = "convos-infra/0.1"
_OPERATION_NAME = re.compile(r"\b(?:query|mutation)\s+(\w+)")
_MAX_ANSWER_BYTES = 64 * 1024 * 1024
_LOOPBACK = re.compile(r"^(localhost|127(\.\d{1,3}){3}|::1)$")


@dataclass(frozen=True)
class Timing:
    """How patient the client is.

    Attributes:
        connect_seconds: time limit of a TCP connection.
        read_seconds: time limit of an answer; Railway's own CLI takes 90, because duplicating an environment runs
            over 30 (railwayapp/cli src/client.rs).
        settle_seconds: how long a thing that a lost answer may have created is looked for before it is created again;
            read-after-write lag of 1 to 30 seconds was seen (facts §3, races 2).
        budget: retries of one call.
    """

    connect_seconds: float = 10.0
    read_seconds: float = 90.0
    settle_seconds: float = 20.0
    budget: Budget = field(default_factory=Budget)


def checked_endpoint(endpoint: str) -> str:
    """Return `endpoint` if a token may be sent there: https anywhere, http on loopback only."""
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InfraError("railwayEndpoint", f"{endpoint!r} is not an http(s) URL", f"the default is {DEFAULT_ENDPOINT}")
    if parts.scheme == "http" and not _LOOPBACK.match(parts.hostname):
        raise InfraError("railwayEndpoint", f"{endpoint!r} would send the token unencrypted", "use https")
    return endpoint


class Client:
    """Sends GraphQL documents with one credential to one endpoint; safe to use from several threads.

    Args:
        endpoint: the URL of the GraphQL endpoint.
        token: an account, workspace or project token.
        project_token: True for a project token, which travels in a header of its own.
        timing: limits; see `Timing`.
        sleep, clock, rng, progress: injected by tests.
    """

    def __init__(
        self,
        endpoint: str,
        token: str,
        *,
        project_token: bool = False,
        timing: Timing | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        rng: Callable[[], float] = random.random,
        progress: Callable[[str], None] = say,
    ) -> None:
        self.endpoint = checked_endpoint(endpoint)
        self.timing = timing or Timing()
        self._headers = {
            "User-Agent": USER_AGENT,
            "Content-Type": "application/json",
            **({"Project-Access-Token": token} if project_token else {"Authorization": f"Bearer {token}"}),
        }
        self.is_project_token = project_token
        self.sleep = sleep
        self.clock = clock
        self._random = rng
        self.progress = progress
        self._local = threading.local()

    def query(self, document: str, variables: Mapping[str, Any], *, thing: str) -> dict[str, Any]:
        """Run a query; tries again after a lost answer, 429 and 5xx, within the budget.

        Args:
            document: the GraphQL document.
            variables: its variables.
            thing: what the query is about, for the error's first word.

        Raises:
            RailwayError: typed; see convos_infra.railway.errors.
        """
        return self._persist(lambda: self._post(document, variables, thing), thing, observe=None)[0] or {}

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
    ) -> tuple[dict[str, Any] | None, _Seen | None]:
        budget = self.timing.budget
        attempt, spent = 0, 0.0
        while True:
            attempt += 1
            try:
                return post(), None
            except RailwayError as error:
                if observe is not None and error.may_have_happened:
                    seen = self._observed(observe, settle=settle)
                    if seen is not None:
                        return None, seen
                delay = self._delay(error, budget, attempt, spent)
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

    def _delay(self, error: RailwayError, budget: Budget, attempt: int, spent: float) -> float | None:
        if isinstance(error, Throttled):
            return wait_as_told(budget, attempt, spent, CREATION_THROTTLE_SECONDS)
        if isinstance(error, RateLimited) and error.retry_after is not None:
            # A little after the window, and spread, so that several runs do not come back in the same instant.
            return wait_as_told(budget, attempt, spent, error.retry_after + 0.2 * self._random())
        if isinstance(error, RateLimited | ServerFailed | Unreachable):
            return backoff(budget, attempt, spent, self._random())
        return None

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.headers.update(self._headers)
            self._local.session = session
        return session

    def _post(self, document: str, variables: Mapping[str, Any], thing: str) -> dict[str, Any]:
        named = _OPERATION_NAME.search(document)
        operation = named.group(1) if named else "operation"
        try:
            answer = self._session().post(
                self.endpoint,
                params={"source": SOURCE},
                json={"query": document, "variables": dict(variables), "operationName": operation},
                timeout=(self.timing.connect_seconds, self.timing.read_seconds),
                allow_redirects=False,
            )
        except requests.exceptions.ConnectTimeout as error:
            raise self._unreachable(thing, operation, "no connection in time", sent=False) from error
        except requests.exceptions.Timeout as error:
            limit = f"no answer within {self.timing.read_seconds:g} s"
            raise self._unreachable(thing, operation, limit, sent=True) from error
        except requests.exceptions.RequestException as error:
            refused = "refused" in str(error) or "NameResolution" in str(error) or "resolve" in str(error)
            what = "connection refused or host not found" if refused else "the connection broke"
            raise self._unreachable(thing, operation, what, sent=not refused) from error
        return self._data(answer, operation, thing)

    def _unreachable(self, thing: str, operation: str, what: str, *, sent: bool) -> Unreachable:
        host = urlsplit(self.endpoint).netloc
        return Unreachable(
            thing, f"{host} does not answer {operation}: {what}", "check railwayEndpoint and the network", sent=sent
        )

    def _data(self, answer: requests.Response, operation: str, thing: str) -> dict[str, Any]:
        if answer.status_code == requests.codes.too_many_requests:
            told = retry_after_seconds(answer.headers.get("Retry-After"), datetime.now(UTC))
            raise RateLimited(
                thing, f"Railway's rate limit is used up at {operation}", "try again later", retry_after=told
            )
        body = _json_object(answer)
        errors = body.get("errors") if body else None
        if isinstance(errors, list) and errors:
            raise error_from_answer(thing, operation, errors)
        if answer.status_code in {401, 403}:
            raise NotAuthorized(
                thing,
                f"Railway answers {operation} with HTTP {answer.status_code}",
                "check the token (RAILWAY_API_TOKEN)",
                message="Not Authorized",
            )
        if answer.status_code != requests.codes.ok or body is None or not isinstance(body.get("data"), dict):
            what = "no GraphQL answer" if answer.status_code == requests.codes.ok else f"HTTP {answer.status_code}"
            raise ServerFailed(thing, f"Railway answers {operation} with {what}", "try again in a minute")
        data: dict[str, Any] = body["data"]
        return data


def _json_object(answer: requests.Response) -> dict[str, Any] | None:
    if len(answer.content) > _MAX_ANSWER_BYTES:
        return None
    try:
        body = answer.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
