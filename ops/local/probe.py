"""Asks a service on this machine's loopback whether it answers in HTTP."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import Message

NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""A proxy of the user's network cannot reach this machine's loopback."""


@dataclass(frozen=True)
class HttpAnswer:
    """An HTTP answer.

    Args:
        status: its status, of any kind.
        headers: its headers.
        body: its body; empty if the status is an error.
    """

    status: int
    headers: Message
    body: bytes


def ask(request: str | urllib.request.Request) -> HttpAnswer | None:
    """Return an answer; None if nothing answers in HTTP."""
    try:
        with NO_PROXY.open(request, timeout=2.0) as answer:
            return HttpAnswer(int(answer.status), answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        error.close()
        return HttpAnswer(int(error.code), error.headers, b"")
    except (OSError, ValueError):
        time.sleep(0.05)
        return None
