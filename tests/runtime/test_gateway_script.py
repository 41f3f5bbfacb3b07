"""Bug 1 of the mission: `pgrep -f gateway.sh` also found the shell that had started gateway.sh, and killed it."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
from pathlib import Path

from runtime_process import RUNTIME, eventually

from tests.support.ports import free_port


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def environment(state: Path, port: int) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "OPENCLAW_STATE_DIR": str(state), "OPENCLAW_GATEWAY_PORT": str(port)}


def run(command: list[str], state: Path, port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, cwd=RUNTIME, env=environment(state, port), start_new_session=True)


def end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


def test_the_shells_that_started_it_live_on(tmp_path: Path) -> None:
    port = free_port()
    # `; true` keeps each shell from replacing itself: two ancestors with the script's name in their command lines.
    inner = "sh scripts/gateway.sh; true"
    outer = run(["sh", "-c", f"sh -c {shlex.quote(inner)}; true # node scripts/gateway.js"], tmp_path, port)
    try:
        eventually(lambda: listens(port), "the gateway listening")
        assert outer.poll() is None
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
        assert len(children) == 1, "the shell in between lives as well"
    finally:
        end(outer)


def test_a_gateway_left_behind_is_ended_and_its_port_taken_over(tmp_path: Path) -> None:
    port = free_port()
    old = run(["node", "scripts/gateway.js"], tmp_path, port)
    eventually(lambda: listens(port), "the old gateway listening")
    new = run(["sh", "-c", "sh scripts/gateway.sh; true"], tmp_path, port)
    try:
        assert old.wait(10) == 0, "it was asked, not killed"
        eventually(lambda: listens(port), "the new gateway listening")
        assert new.poll() is None
    finally:
        end(old)
        end(new)


def test_a_gateway_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    port = free_port()
    deaf = run(["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done # node scripts/gateway.js"], tmp_path, port)
    new = run(["sh", "scripts/gateway.sh"], tmp_path, port)
    try:
        assert deaf.wait(15) == -signal.SIGKILL
        eventually(lambda: listens(port), "the new gateway listening")
    finally:
        end(deaf)
        end(new)


def test_a_gateway_on_another_port_is_somebody_elses(tmp_path: Path) -> None:
    theirs, ours = free_port(), free_port()
    other = run(["node", "scripts/gateway.js"], tmp_path, theirs)
    eventually(lambda: listens(theirs), "the other gateway listening")
    new = run(["sh", "scripts/gateway.sh"], tmp_path, ours)
    try:
        eventually(lambda: listens(ours), "our gateway listening")
        assert other.poll() is None
    finally:
        end(other)
        end(new)
