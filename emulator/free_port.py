"""Ports for servers that keep them across restarts."""

from __future__ import annotations

import secrets
import socket

_FIRST, _END = 10_000, 32_768
"""Below the ports that Linux gives to clients' connections (ip_local_port_range) and Docker to containers: while the
server is down, neither gives its port to anybody else."""
_TRIES = 100


def free_port() -> int:
    """Return a loopback port on which nobody listens; the caller stores it."""
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
