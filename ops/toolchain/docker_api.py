"""Queries Docker's API over its socket, with only the standard library: finds a daemon and its version."""

from __future__ import annotations

import http.client
import json
import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ops.toolchain.install_plan import Daemon
from ops.toolchain.machine import parse_version, run_for_text

ANSWER_SECONDS = 5.0


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket file."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connect(host: str, seconds: float) -> http.client.HTTPConnection:
    url = urlsplit(host)
    if url.scheme == "unix":
        return _UnixConnection(url.path, seconds)
    if url.scheme == "tcp" and url.hostname:
        return http.client.HTTPConnection(url.hostname, url.port or 2375, timeout=seconds)
    raise ValueError(f"{url.scheme}: supported only by Docker's own CLI")


def request(host: str, method: str, path: str, seconds: float = ANSWER_SECONDS) -> Any:
    """Send one request to a daemon and return its JSON.

    Raises:
        OSError: it cannot be reached, or answers with an error.
        ValueError: the answer is not JSON, or the host's scheme is not unix or plain tcp.
    """
    connection = _connect(host, seconds)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
    except http.client.HTTPException as error:
        raise OSError(str(error)) from None
    finally:
        connection.close()
    if answer.status >= 400:
        raise OSError(f"{method} {path}: {answer.status} {body[:200].decode(errors='replace')}")
    return json.loads(body) if body.strip() else None


def ask(host: str) -> Daemon | None:
    """Return the daemon at a host, or None if it does not answer. For ssh:// and TLS, Docker's CLI is used."""
    try:
        answer = request(host, "GET", "/version")
        version = parse_version(str(answer["Version"]))
    except (OSError, ValueError, KeyError, TypeError):
        if host.startswith("unix:"):
            return None
        version = parse_version(
            run_for_text("docker", "--host", host, "version", "--format", "{{.Server.Version}}") or ""
        )
    return Daemon(host, version) if version else None


def candidates(ours: str = "") -> list[str]:
    """Return the hosts where a user's daemon may be; only `DOCKER_HOST` if it is set, like Docker's own CLI.

    Args:
        ours: the host of the daemon that this checkout starts; it is not the user's, even if `DOCKER_HOST` contains it.
    """
    named = os.environ.get("DOCKER_HOST")
    if named and named != ours:
        return [named]
    sockets = [Path("/var/run/docker.sock"), Path.home() / ".docker" / "run" / "docker.sock"]
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        sockets.append(Path(runtime) / "docker.sock")
    return [f"unix://{path}" for path in sockets if path.exists()]


def find(ours: str = "") -> Daemon | None:
    """Return the daemon of this machine's user, by the usual sockets and then by Docker's current context."""
    asked = candidates(ours)
    for host in asked:
        daemon = ask(host)
        if daemon is not None:
            return daemon
    if os.environ.get("DOCKER_HOST"):
        return None
    host = (run_for_text("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}") or "").strip()
    return ask(host) if host and host not in asked else None


def pull(host: str, image: str, tag: str, seconds: float = 300.0) -> None:
    """Pull an image, anonymously.

    Raises:
        OSError: the daemon or the image's registry cannot be reached, or one of them refuses.
    """
    connection = _connect(host, seconds)
    try:
        connection.request("POST", f"/images/create?fromImage={image}&tag={tag}")
        answer = connection.getresponse()
        lines = answer.read().decode(errors="replace").splitlines()
    except http.client.HTTPException as error:
        raise OSError(str(error)) from None
    finally:
        connection.close()
    # The status is 200 as soon as the pull begins; a later error is in the last line of the stream.
    complaint = next((line for line in reversed(lines) if '"error"' in line), "")
    if answer.status >= 400 or complaint:
        raise OSError(complaint or f"{answer.status} {lines[0] if lines else ''}")
