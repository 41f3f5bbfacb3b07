"""Checks that an endpoint accepts connections, before anything changes and without a request that counts."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies

from convos_infra.errors import InfraError

SECONDS = 10.0


def check_listening(key: str, url: str) -> None:
    """Open a TCP connection and close it. Through a proxy this proves nothing, so nothing is done.

    Args:
        key: the config key of the URL.
        url: an http(s) URL.

    Raises:
        InfraError: the host is not found, or nothing listens.
    """
    parts = urlsplit(url)
    if get_environ_proxies(url, no_proxy=None):
        return
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((host, port), timeout=SECONDS).close()
    except socket.gaierror as error:
        raise InfraError(key, f"{host} is not found", "check it and the network") from error
    except OSError as error:
        reason = "does not answer in time" if isinstance(error, TimeoutError) else f"refuses: {error.strerror or error}"
        raise InfraError(key, f"{host}:{port} {reason}", "check it and the network") from error
