"""Checks that each row of the table answers now."""

from __future__ import annotations

import socket
import urllib.error
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ops.local.probe import NO_PROXY

if TYPE_CHECKING:
    from ops.local.table import Row

SECONDS = 5.0
SILENT = "does not answer"
_SERVER_ERROR = 500


def asked(rows: Iterable[Row], answers: Callable[[str], bool] | None = None) -> list[Row]:
    """Return the rows, with a note on each that does not answer; a row without an address is not asked."""
    ask = answers or answers_now
    return [
        (what, where, runs) if "://" not in where or ask(where) else (what, where, f"{runs}: {SILENT}")
        for what, where, runs in rows
    ]


def silent(rows: Iterable[Row]) -> list[str]:
    """Return the rows that do not answer."""
    return [what for what, _, runs in rows if runs.endswith(SILENT)]


def answers_now(url: str) -> bool:
    """Tell whether an address answers: HTTP without a server error, or else a connection."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if parts.scheme in {"http", "https"}:
        try:
            with NO_PROXY.open(url, timeout=SECONDS):
                return True
        except urllib.error.HTTPError as error:
            return error.code < _SERVER_ERROR
        except (OSError, ValueError):
            return False
    try:
        with socket.create_connection((host or "", port or 0), SECONDS):
            return True
    except (OSError, ValueError):
        return False
