"""The messages of graphql-transport-ws (github.com/enisdenjo/graphql-ws, PROTOCOL.md). Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

SUBPROTOCOL = "graphql-transport-ws"
CREDENTIALS = ("authorization", "project-access-token")
"""The headers with a credential."""
_FROM_CLIENT = frozenset({"connection_init", "subscribe", "complete", "ping", "pong"})
Message = Mapping[str, Any]


class Violation(Exception):
    """The client violated the protocol, so the connection has to be closed.

    Attributes:
        code: the code of the close frame.
        reason: the reason in the close frame.
    """

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{code}: {reason}")


def check(message: Message, *, is_begun: bool, running: Collection[str]) -> None:
    """Check that the protocol allows a message now.

    Args:
        message: the client's message.
        is_begun: whether `connection_init` was received.
        running: the ids of the running operations.

    Raises:
        Violation: the message is not allowed now.
    """
    kind = message["type"]
    if kind == "connection_init" and is_begun:
        raise Violation(4429, "Too many initialisation requests")
    if kind == "subscribe" and not is_begun:
        raise Violation(4401, "Unauthorized")
    if kind == "subscribe" and message["id"] in running:
        raise Violation(4409, f"Subscriber for {message['id'][:80]} already exists")


def parsed(text: str | None) -> Message:
    """Return a client's message.

    Raises:
        Violation: the text is not a message that clients may send.
    """
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        raise Violation(4400, "Invalid message received") from None
    kind = found.get("type") if isinstance(found, dict) else None
    if not isinstance(kind, str) or kind not in _FROM_CLIENT:
        raise Violation(4400, "Invalid message received")
    if kind in {"subscribe", "complete"} and not (isinstance(found.get("id"), str) and found["id"]):
        raise Violation(4400, f"A message of type {kind} needs an id")
    if kind == "subscribe" and not isinstance(found.get("payload"), dict):
        raise Violation(4400, "A message of type subscribe needs a payload")
    message: Message = found
    return message


def given_credentials(payload: Any) -> Mapping[str, str]:
    """Return the credentials in the payload of `connection_init`, as headers by their names in lower case."""
    pairs = payload.items() if isinstance(payload, dict) else ()
    named = {str(name).lower(): value for name, value in pairs if isinstance(value, str)}
    return {name: named[name] for name in CREDENTIALS if name in named}
