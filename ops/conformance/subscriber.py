"""The first event of a subscription, over a WebSocket of graphql-transport-ws (fact: subscription-credential)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from railway_api.errors import ServerFailed, Unreachable, error_from_answer
from railway_api.transport import SOURCE, USER_AGENT, operation_name

_SECONDS = 30.0


def first_event(
    endpoint: str, headers: Mapping[str, str], document: str, variables: Mapping[str, Any], subject: str
) -> dict[str, Any]:
    """Subscribe, and return the data of the first event.

    Args:
        endpoint: the address of the API, as for HTTP.
        headers: the credential.
        document: a subscription with a name.
        variables: its variables.
        subject: what it is about, for errors.

    Raises:
        RailwayError: it was refused, or no event came within half a minute.
    """
    parts = urlsplit(endpoint)
    url = parts._replace(scheme="wss" if parts.scheme == "https" else "ws", query=f"source={SOURCE}").geturl()
    operation = operation_name(document)
    payload = {"query": document, "variables": dict(variables), "operationName": operation}
    try:
        with connect(
            url,
            additional_headers=dict(headers),
            user_agent_header=USER_AGENT,
            subprotocols=[Subprotocol("graphql-transport-ws")],
            open_timeout=_SECONDS,
        ) as socket:
            socket.send(json.dumps({"type": "connection_init"}))
            socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
            while True:
                message = json.loads(socket.recv(_SECONDS))
                if message["type"] == "ping":
                    socket.send(json.dumps({"type": "pong"}))
                if message["type"] in {"next", "error", "complete"}:
                    break
    except (OSError, TimeoutError, WebSocketException) as error:
        what = f"{parts.netloc} does not answer {operation}: {type(error).__name__}"
        raise Unreachable(subject, what, "check RAILWAY_ENDPOINT and the network", sent=True) from error
    return _data(message, operation, subject)


def _data(message: Mapping[str, Any], operation: str, subject: str) -> dict[str, Any]:
    payload = message.get("payload") or {}
    errors = payload if isinstance(payload, list) else payload.get("errors")
    if errors:
        raise error_from_answer(subject, operation, list(errors))
    if message["type"] != "next":
        raise ServerFailed(subject, f"Railway ends {operation} without an event", "try again in a minute")
    data: dict[str, Any] = payload["data"]
    return data
