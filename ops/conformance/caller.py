"""Sends documents with one credential, live or from a recording, and fences in what may be changed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ops.conformance.recording import Call, Recording
from ops.conformance.subscriber import first_event
from railway_api.errors import RailwayError
from railway_api.failure import Failure
from railway_api.timing import Timing
from railway_api.transport import Transport, is_mutation

if TYPE_CHECKING:
    from railway_api.client import Client

_SUBJECT = "conformance"
_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_ONE_ANSWER_SECONDS = 30.0


Send = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Sends a document with its variables, and returns the data of the answer."""


class Caller(Protocol):
    """Answers a document."""

    def ask(self, document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the data of the answer.

        Raises:
            RailwayError: the answer is a refusal.
        """


class Refusal(Exception):
    """A refusal as the suite compares it: the kind of error that the client makes of it, and Railway's words."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        self.message = message
        super().__init__(f"{kind}: {message}")


class OutOfBounds(Failure):
    """A scenario was about to change something that this run has not made: a fault of the suite."""


@dataclass
class Fence:
    """The ids that this run may change: those that Railway answered about its own project, and made-up ones.

    Attributes:
        known: the ids.
    """

    known: set[str] = field(default_factory=set)

    def check(self, document: str, variables: Mapping[str, Any]) -> None:
        """Stop a mutation that names any other id.

        Raises:
            OutOfBounds: it names an id that is not of this run.
        """
        strange = [id_ for id_ in _ids(variables) if id_ not in self.known]
        if is_mutation(document) and strange:
            raise OutOfBounds("conformance", f"a scenario would change {strange[0]}, which is not of this run")

    def admit(self, *values: Any) -> None:
        """Allow changes to the ids in these values, which are answers about things of this run."""
        self.known.update(id_ for value in values for id_ in _ids(value))


def _ids(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _ID.findall(value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _ids(key)
            yield from _ids(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _ids(inner)


class LiveCaller:
    """Asks an address with one credential, and records what it answers.

    Args:
        send: sends one document, and returns its data.
        fence: what may be changed.
        recording: where the answers go.
        seconds_between: the pause between two calls, in seconds.
    """

    def __init__(
        self,
        send: Send,
        fence: Fence,
        recording: Recording,
        *,
        seconds_between: float = 0.0,
    ) -> None:
        self._send = send
        self._fence = fence
        self._recording = recording
        self._pause = seconds_between

    def ask(self, document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a document, unless it would change what is not of this run."""
        self._fence.check(document, variables)
        time.sleep(self._pause)
        try:
            data = self._send(document, variables)
        except RailwayError as error:
            self._recording.add(Call.refused(document, type(error).__name__, error.message))
            raise Refusal(type(error).__name__, error.message) from error
        self._fence.admit(data)
        self._recording.add(Call.answered(document, data))
        return data


class PatientCaller:
    """Asks again for as long as a new project may not be visible yet (fact: new-project-lag)."""

    def __init__(self, caller: Caller, seconds: float) -> None:
        self._caller = caller
        self._seconds = seconds

    def ask(self, document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the data of the first answer that is not a refusal of that kind.

        Raises:
            Refusal: it is of another kind, or the time is over.
        """
        deadline = time.monotonic() + self._seconds
        pause = self._seconds / 30
        while True:
            try:
                return self._caller.ask(document, variables)
            except Refusal as refusal:
                if refusal.kind not in {"NotAuthorized", "NotFound"} or time.monotonic() + pause > deadline:
                    raise
            time.sleep(pause)


class ReplayedCaller:
    """Answers from a recording, call by call."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def ask(self, document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002  # a Caller's
        """Return what was answered to this document then.

        Raises:
            Refusal: it was refused then.
        """
        call = self._recording.take(document)
        if call.data is None:
            raise Refusal(call.kind, call.message)
        return call.data


def sender(client: Client) -> Send:
    """Return a function that sends with the client: a query is retried, a mutation and a subscription are sent once."""

    def send(document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        if _is_subscription(document):
            return first_event(client.endpoint, client.credential, document, variables, _SUBJECT)
        ask = client.mutate_once if is_mutation(document) else client.query
        return ask(document, variables, subject=_SUBJECT)

    return send


def without_token(endpoint: str, token: str | None = None) -> Send:
    """Return a function that sends once, without a credential, or with one that may be blank or wrong."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    transport = Transport(endpoint, headers, Timing(), time.time)

    def send(document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        if _is_subscription(document):
            return first_event(endpoint, headers, document, variables, _SUBJECT)
        return transport.post(document, variables, _SUBJECT, seconds=_ONE_ANSWER_SECONDS)[0]

    return send


def _is_subscription(document: str) -> bool:
    return document.lstrip().startswith("subscription")
