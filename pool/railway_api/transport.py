"""Posts one GraphQL document and returns its data, or raises a typed error."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from railway_api.endpoint import THIS_MACHINE, checked_endpoint
from railway_api.errors import NotAuthorized, RateLimited, ServerFailed, Unreachable, error_from_answer
from railway_api.explicit_credential import ExplicitCredential
from railway_api.retry import Allowance, allowance, retry_after_seconds
from railway_api.watch import Watch, watched_session

if TYPE_CHECKING:
    from railway_api.timing import Timing

# Without a query string the edge counts a client as unidentified traffic: 10 requests a second
# (terraform-provider-railway deed2af; CopilotKit/CopilotKit#4309).
SOURCE = "convos-infra"
USER_AGENT = "convos-infra/0.2.0"
_OPERATION_NAME = re.compile(r"\b(?:query|mutation|subscription)\s+(\w+)")
_MAX_ANSWER_BYTES = 64 * 1024 * 1024


class Transport:
    """Posts documents with one credential to one endpoint, over one open connection per thread.

    Args:
        endpoint: the URL of the GraphQL endpoint.
        headers: the headers of the credential.
        timing: time limits of a connection and of an answer.
        wall: the time of day, in seconds since the epoch.
        user_agent: the caller, as `product/version`.
    """

    def __init__(
        self,
        endpoint: str,
        headers: Mapping[str, str],
        timing: Timing,
        wall: Callable[[], float],
        user_agent: str = USER_AGENT,
    ) -> None:
        self.endpoint = checked_endpoint(endpoint)
        self._headers = {"User-Agent": user_agent, "Content-Type": "application/json", **headers}
        self._timing = timing
        self._wall = wall
        self._local = threading.local()

    def post(
        self,
        document: str,
        variables: Mapping[str, Any],
        subject: str,
        *,
        seconds: float,
        notice: Callable[[], None] = lambda: None,
    ) -> tuple[dict[str, Any], Allowance | None]:
        """Send one document.

        Args:
            document: the GraphQL document.
            variables: its variables.
            subject: what it is about, for errors.
            seconds: time limit of the whole answer.
            notice: called in another thread if the answer takes longer than `notice_seconds`.

        Returns:
            The answer's `data`, and the remaining rate limit if the answer reports it.

        Raises:
            RailwayError: typed; see railway_api.errors.
        """
        operation = operation_name(document)
        watch = Watch(seconds, self._timing.notice_seconds, notice)
        too_long = f"no complete answer within {seconds:.3g} s"
        try:
            with (
                watch,
                self._session().post(
                    self.endpoint,
                    params={"source": SOURCE},
                    json={"query": document, "variables": dict(variables), "operationName": operation},
                    timeout=(min(self._timing.connect_seconds, seconds), seconds),
                    allow_redirects=False,
                    stream=True,
                ) as answer,
            ):
                body = _body(answer)
        except requests.exceptions.ConnectTimeout as error:
            raise self._unreachable(subject, operation, "no connection in time", sent=False) from error
        except requests.exceptions.Timeout as error:
            raise self._unreachable(subject, operation, too_long, sent=True) from error
        except requests.exceptions.RequestException as error:
            if watch.is_cut:
                raise self._unreachable(subject, operation, too_long, sent=True) from error
            refused = "refused" in str(error) or "NameResolution" in str(error) or "resolve" in str(error)
            what = "connection refused or host not found" if refused else "the connection broke"
            raise self._unreachable(subject, operation, what, sent=not refused) from error
        if body is None and watch.is_cut:
            raise self._unreachable(subject, operation, too_long, sent=True)
        return self._data(answer, body, operation, subject), allowance(answer.headers)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = watched_session()
            session.headers.update(self._headers)
            session.auth = ExplicitCredential()
            # A proxy cannot reach an emulator on this machine.
            session.trust_env = not THIS_MACHINE.match(urlsplit(self.endpoint).hostname or "")
            self._local.session = session
        return session

    def _unreachable(self, subject: str, operation: str, what: str, *, sent: bool) -> Unreachable:
        host = urlsplit(self.endpoint).netloc
        return Unreachable(
            subject, f"{host} does not answer {operation}: {what}", "check railwayEndpoint and the network", sent=sent
        )

    def _data(
        self, answer: requests.Response, body: dict[str, Any] | None, operation: str, subject: str
    ) -> dict[str, Any]:
        if answer.status_code == requests.codes.too_many_requests:
            now = datetime.fromtimestamp(self._wall(), UTC)
            told = retry_after_seconds(answer.headers.get("Retry-After"), now)
            step = "try again later" if told is None else f"try again in {told:.0f} s, as Railway asks"
            raise RateLimited(subject, f"Railway's rate limit is used up at {operation}", step, retry_after=told)
        errors = body.get("errors") if body else None
        if isinstance(errors, list) and errors:
            raise error_from_answer(subject, operation, errors)
        if answer.status_code in {401, 403}:
            raise NotAuthorized(
                subject,
                f"Railway answers {operation} with HTTP {answer.status_code}",
                "check the token (RAILWAY_API_TOKEN)",
                message="Not Authorized",
            )
        if answer.status_code != requests.codes.ok or body is None or not isinstance(body.get("data"), dict):
            what = "no GraphQL answer" if answer.status_code == requests.codes.ok else f"HTTP {answer.status_code}"
            raise ServerFailed(subject, f"Railway answers {operation} with {what}", "try again in a minute")
        data: dict[str, Any] = body["data"]
        return data


def is_mutation(document: str) -> bool:
    """Tell whether a document changes something."""
    return document.lstrip().startswith("mutation")


def operation_name(document: str) -> str:
    """Return the name of a document's operation."""
    named = _OPERATION_NAME.search(document)
    return named.group(1) if named else "operation"


def _body(answer: requests.Response) -> dict[str, Any] | None:
    """Read an answer's JSON object; None for anything else or for more than 64 MiB (500 services need less)."""
    text = bytearray()
    for chunk in answer.iter_content(64 * 1024):
        text += chunk
        if len(text) > _MAX_ANSWER_BYTES:
            return None
    try:
        body = json.loads(text)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
