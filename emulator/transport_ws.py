"""The messages of graphql-transport-ws (github.com/enisdenjo/graphql-ws, PROTOCOL.md): pure, without a socket."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

SUBPROTOCOL = "graphql-transport-ws"
CREDENTIALS = ("authorization", "project-access-token")
"""The headers that say who asks."""
_FROM_CLIENT = frozenset({"connection_init", "subscribe", "complete", "ping", "pong"})
Message = Mapping[str, Any]


class Violation(Exception):
    """The client has broken the protocol: the connection is closed.

    Attributes:
        code: of the close frame.
        reason: of the close frame.
    """

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{code}: {reason}")


def check(message: Message, *, is_begun: bool, running: Collection[str]) -> None:
    """Stop what may not come now.

    Args:
        message: what the client sends.
        is_begun: whether `connection_init` has come.
        running: the ids of the operations that go on.

    Raises:
        Violation: it may not.
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
        Violation: it is none.
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
