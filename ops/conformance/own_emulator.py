"""An emulator for one run, on a free port, with its state in a folder of its own."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import requests

from ops.pulumi_cli import CHECKOUT
from railway_api.failure import Failure

if TYPE_CHECKING:
    from pathlib import Path

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
SETTINGS: Mapping[str, str] = {"deploy_step_seconds": "0.02", "image_check": "off", "requests_per_hour": "100000"}
"""Deployments take a moment, as on Railway, and every answer has a rate limit that no run reaches."""

OTHER_SETTINGS: Mapping[str, str] = {
    "deleted_answer": "not_authorized",
    "domain_rename": "ignored",
    "project_token": "strict",
    "scoped_delete": "deletes_service",
    "update_source_deploys": "true",
    "volume_create_deploys": "true",
}
"""Every disputed belief the other way round."""


@contextmanager
def own_emulator(
    folder: Path, settings: Mapping[str, str] = SETTINGS, program: str = "emulator"
) -> Iterator[tuple[str, str]]:
    """Start an emulator, give its endpoint and its account token, and stop it.

    Args:
        folder: the folder of its state and data.
        settings: its settings, as on its command line.
        program: the module that is the emulator.

    Raises:
        Failure: it did not start.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [sys.executable, "-m", program, "--listen", address, "--docker", "off"]
    command += ["--state", str(folder / "state.sqlite"), "--data", str(folder / "data")]
    command += [word for name, value in settings.items() for word in ("--setting", f"{name}={value}")]
    token = secrets.token_urlsafe(16)
    process = subprocess.Popen(
        command, cwd=CHECKOUT, env={**os.environ, "EMULATOR_ACCOUNT_TOKEN": token}, stdout=subprocess.DEVNULL
    )
    try:
        _wait(process, f"http://{address}/healthz")
        yield f"http://{address}/graphql/v2", token
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    session = requests.Session()
    session.trust_env = False
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(requests.RequestException):
            if session.get(url, timeout=2).ok:
                return
        time.sleep(0.05)
    raise Failure("conformance", "the emulator did not start", "run python -m emulator --help")
