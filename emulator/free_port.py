"""A port for a server that keeps it over restarts."""

from __future__ import annotations

import secrets
import socket

_FIRST, _END = 10_000, 32_768
"""Below the ports that Linux gives to clients' connections (ip_local_port_range) and Docker to containers: while its
server is down, nobody else is given one of these."""
_TRIES = 100


def free_port() -> int:
    """Return a port of loopback that nobody listens on, the same for as long as its owner writes it down."""
    for _ in range(_TRIES):
        port = _FIRST + secrets.randbelow(_END - _FIRST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        given: int = probe.getsockname()[1]
        return given
