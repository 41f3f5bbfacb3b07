"""`python -m emulator`: a local stand-in for Railway's GraphQL API, on loopback only."""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import json
import logging
import os
import secrets
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from emulator.api.request import World
from emulator.app import application
from emulator.containers import Containers, connect
from emulator.deployments import Deployments
from emulator.patch_rules import HIGHEST_PORT
from emulator.planted import ConnectionCutter
from emulator.postgres import Postgres
from emulator.settings import LiveSettings, Settings
from emulator.store import Store
from emulator.subscriptions import Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

TOKEN_FILE = "account-token"  # noqa: S105  # a name
_DRAIN_SECONDS = 2
_MOST_MESSAGE_BYTES = 1_000_000
"""The limit of one WebSocket message: a document with its variables."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code."""
    given = _arguments(argv)
    try:
        host, port = _address(given.listen)
        settings = LiveSettings(Settings().changed(dict(_setting(text) for text in given.setting)))
        bound = _bound(host, port)
        data = given.data.resolve()
        data.mkdir(parents=True, exist_ok=True)
        containers = _containers(given.docker, data)
        store = Store(given.state)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"emulator: {error}\n")
        return 1
    postgres = Postgres(data / "postgres")
    deployments = Deployments(store, settings, postgres, containers, f"{host}:{port}", given.reachable)
    deployments.resume()

    def end() -> None:
        deployments.close(remove=given.remove_on_exit)
        store.close()

    world = World(store, settings, deployments, postgres)
    token = os.environ.get("EMULATOR_ACCOUNT_TOKEN") or _own_token(data / TOKEN_FILE)
    app = ConnectionCutter(application(world, token, with_switches=given.admin, on_end=end))
    mode = "containers on Docker" if containers is not None else "simulated runs"
    sys.stdout.write(f"Railway emulator on http://{host}:{port}/graphql/v2 ({mode})\n")
    sys.stdout.flush()
    # uvicorn logs an error for each connection that a planted fault cuts.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        app,
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        timeout_keep_alive=30,
        ws=Protocol,
        ws_per_message_deflate=False,
        ws_max_size=_MOST_MESSAGE_BYTES,
    )
    server = uvicorn.Server(config)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[bound])
    return 0 if server.started else 1


def _arguments(argv: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(prog="python -m emulator", description=__doc__, allow_abbrev=False)
    parser.add_argument("--listen", default="127.0.0.1:4190", metavar="HOST:PORT", help="a loopback address")
    parser.add_argument("--state", type=Path, default=Path(".local/emulator.sqlite"), help="the SQLite file")
    parser.add_argument("--data", type=Path, default=Path(".local/emulator"), help="volumes and PostgreSQL data")
    parser.add_argument("--docker", choices=("auto", "off"), default="auto", help="off simulates every run")
    parser.add_argument("--admin", action="store_true", help="serve the test switches below /_emulator")
    parser.add_argument("--remove-on-exit", action="store_true", help="remove the containers when it stops")
    parser.add_argument(
        "--reachable",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="a server on this machine's loopback that containers reach at host.docker.internal:PORT",
    )
    parser.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE", help="see emulator/README.md")
    return parser.parse_args(argv)


def _own_token(file: Path) -> str:
    """Return the token that an earlier start wrote to a file, otherwise write a new one; print only the file's name."""
    sys.stdout.write(f"The account token is in {file}\n")
    if file.exists() and (found := file.read_text(encoding="utf-8").strip()):
        return found
    made = secrets.token_urlsafe(24)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as handle:
        handle.write(f"{made}\n")
    return made


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    is_port = port.isascii() and port.isdigit() and int(port[:6]) <= HIGHEST_PORT
    if not is_port or not _is_loopback(host):
        raise ValueError(f"--listen {text}: give a loopback address and a port, for example 127.0.0.1:4190")
    return host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket of the address, which does not listen yet: nobody is answered before the emulator is ready."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is said; without it an answer waits 40 ms for the client's ACK.
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # As asyncio does: otherwise a restart would have to wait for the connections that the last start closed.
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except OSError as error:
        found.close()
        step = "stop the process that uses it, or give another --listen"
        raise ValueError(f"{host}:{port}: {error.strerror}; {step}") from None
    return found


def _setting(text: str) -> tuple[str, Any]:
    name, found, value = text.partition("=")
    if not found:
        raise ValueError(f"--setting {text}: give NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _containers(docker: str, data: Path) -> Containers | None:
    if docker == "off":
        return None
    client = connect()
    return None if client is None else Containers(client, data)


if __name__ == "__main__":
    sys.exit(main())
