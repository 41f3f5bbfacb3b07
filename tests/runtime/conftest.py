"""The runtime as a process of this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from runtime_process import RUNTIME, PoolServer, Start

from tests import needs
from tests.support.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    node = shutil.which("node")
    if node is None:
        needs.NODE.skip()
    started: list[PoolServer] = []

    def run(**variables: str) -> PoolServer:
        port, gateway_port = free_port(), free_port()
        env = {"PATH": os.environ["PATH"], "PORT": str(port), "OPENCLAW_GATEWAY_PORT": str(gateway_port)}
        env |= {"OPENCLAW_STATE_DIR": str(tmp_path), "RAILWAY_VOLUME_MOUNT_PATH": str(tmp_path / "volume")}
        # A hurried one: what it waits for on Railway are seconds.
        env |= {
            "RUNTIME_POLL_MS": "50",
            "RUNTIME_PROVISION_TRIES": "3",
            "RUNTIME_PROVISION_PAUSE_MS": "20",
            **variables,
        }
        log = tmp_path / f"log-{len(started)}"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [node, "scripts/pool-server.js"], cwd=RUNTIME, env=env, stdout=out, stderr=out, start_new_session=True
            )
        key = variables.get("POOL_API_KEY", "")
        started.append(PoolServer(process, port, gateway_port, tmp_path, log, key))
        return started[-1]

    yield run
    for server in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait(10)
