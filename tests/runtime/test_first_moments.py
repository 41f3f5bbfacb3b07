"""Before it serves: becoming its own user, a state folder that it can write, signals from the first moment on."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from runtime_process import RUNTIME

from tests import needs
from tests.support.ports import free_port

SIGTERM_BIT = 1 << (signal.SIGTERM - 1)
UNSHARE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]


def environment(state: Path | str, **variables: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PORT": str(free_port()),
        "OPENCLAW_GATEWAY_PORT": str(free_port()),
        "OPENCLAW_STATE_DIR": str(state),
        "RAILWAY_VOLUME_MOUNT_PATH": "/nowhere",
        **variables,
    }


def refusal(command: list[str], env: dict[str, str]) -> str:
    """Return the one line with which it ends."""
    done = subprocess.run(command, cwd=RUNTIME, env=env, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1, done.stdout + done.stderr
    assert len((done.stdout + done.stderr).splitlines()) == 1, done.stdout + done.stderr
    return done.stderr


def as_root() -> None:
    if os.geteuid() != 0:
        needs.ROOT.skip()
    if shutil.which("node") is None:
        needs.NODE.skip()


@pytest.mark.parametrize("script", ["pool-server.js", "gateway.js"])
@pytest.mark.parametrize("folder", ["/proc/self", "/proc/none", "/dev/null", "/dev/null/below"])
def test_root_that_cannot_give_the_state_folder_away_ends_in_one_line(script: str, folder: str) -> None:
    as_root()
    line = refusal(["node", f"scripts/{script}"], environment(folder, RUNTIME_UID="1000"))
    assert line.startswith(f"OPENCLAW_STATE_DIR: {folder} ")


@contextmanager
def read_only(folder: Path) -> Iterator[list[str]]:
    """Yield the beginning of a command for which a folder is a read-only mount, as with `docker run --read-only`."""
    script = 'mount -t tmpfs none "$0" && mount -o remount,ro "$0" && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", script, str(folder)]
    if subprocess.run([*command, "true"], capture_output=True).returncode != 0:
        needs.NAMESPACES.skip()
    yield command


@pytest.mark.parametrize("script", ["pool-server.js", "gateway.js"])
@pytest.mark.parametrize("uid", ["", "1000"])
def test_a_read_only_state_folder_ends_it_in_one_line(tmp_path: Path, script: str, uid: str) -> None:
    as_root()
    with read_only(tmp_path) as command:
        env = environment(tmp_path, RUNTIME_UID=uid)
        assert refusal([*command, "node", f"scripts/{script}"], env).startswith(f"OPENCLAW_STATE_DIR: {tmp_path} ")


def test_a_read_only_volume_ends_it_in_one_line(tmp_path: Path) -> None:
    """It would lose what the agent is told with the next deployment."""
    as_root()
    (tmp_path / "volume").mkdir()
    with read_only(tmp_path / "volume") as command:
        env = environment(tmp_path, RUNTIME_UID="1000", RAILWAY_VOLUME_MOUNT_PATH=str(tmp_path / "volume"))
        line = refusal([*command, "node", "scripts/pool-server.js"], env)
        assert line.startswith(f"RAILWAY_VOLUME_MOUNT_PATH: {tmp_path / 'volume'} cannot be given to uid 1000: EROFS")


def test_root_that_may_not_become_another_user_ends_in_one_line(tmp_path: Path) -> None:
    as_root()
    if shutil.which("setpriv") is None:
        needs.SETPRIV.skip()
    command = [
        "setpriv",
        "--bounding-set=-setuid,-setgid",
        "--inh-caps=-setuid,-setgid",
        "node",
        "scripts/pool-server.js",
    ]
    line = refusal(command, environment(tmp_path, RUNTIME_UID="1000"))
    assert line.startswith("RUNTIME_UID: cannot become uid 1000: EPERM")


def test_a_user_without_a_writable_state_folder_ends_in_one_line(tmp_path: Path) -> None:
    if shutil.which("node") is None:
        needs.NODE.skip()
    file = tmp_path / "file"
    file.touch()
    line = refusal(["node", "scripts/pool-server.js"], environment(file))
    assert line == f"OPENCLAW_STATE_DIR: {file} is not a writable folder; mount one there, or set another path\n"


def test_keys_that_cannot_be_written_end_it(tmp_path: Path) -> None:
    """Without a token of its own the gateway would be open to everybody who reaches the server."""
    if shutil.which("node") is None:
        needs.NODE.skip()
    (tmp_path / "generated.env").mkdir()
    command = ["node", "scripts/pool-server.js"]
    done = subprocess.run(command, cwd=RUNTIME, env=environment(tmp_path), capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    last = (done.stdout + done.stderr).splitlines()[-1]
    assert re.fullmatch(rf"pool-server: keys.sh: exit code \d; is {tmp_path} \(OPENCLAW_STATE_DIR\) full\?", last)


@pytest.mark.parametrize("ignored", ["INT", "TERM", "INT TERM"])
def test_as_process_1_it_starts_also_where_its_parent_ignored_signals(tmp_path: Path, ignored: str) -> None:
    """A signal without a handler at its start means that one was missed; being ignored before must not look like it."""
    as_root()
    if subprocess.run([*UNSHARE, "true"], capture_output=True).returncode != 0:
        needs.NAMESPACES.skip()
    script = f"trap '' {ignored}; exec node scripts/pool-server.js"
    process = subprocess.Popen(
        [*UNSHARE, "sh", "-c", script], cwd=RUNTIME, env=environment(tmp_path), stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert any(line.startswith(b"pool-server: listening") for line in process.stdout)
    finally:
        process.kill()
        process.communicate()


def catches_sigterm(pid: int) -> bool:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) & SIGTERM_BIT)
    return False


def child_of(process: subprocess.Popen[bytes]) -> int:
    while process.poll() is None:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if children:
            return int(children[0])
    raise AssertionError(process.returncode)


@pytest.mark.parametrize(
    "command", [["node", "scripts/pool-server.js"], ["sh", "scripts/entrypoint.sh", "sh", "scripts/start.sh"]]
)
@pytest.mark.parametrize("delay", [0, 0.02, 0.1, random.uniform(0, 0.6)])
def test_as_process_1_it_obeys_sigterm_in_its_first_moments(tmp_path: Path, command: list[str], delay: float) -> None:
    as_root()
    if subprocess.run([*UNSHARE, "true"], capture_output=True).returncode != 0:
        needs.NAMESPACES.skip()
    env = environment(tmp_path)
    process = subprocess.Popen(
        [*UNSHARE, *command], cwd=RUNTIME, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        first = child_of(process)
        # From here on it never is without a handler, as it would be for a moment at each `exec`.
        while not catches_sigterm(first):
            assert process.poll() is None
        time.sleep(delay)
        os.kill(first, signal.SIGTERM)
        process.wait(5)
        assert not Path(f"/proc/{first}").exists()
    finally:
        process.kill()
        process.wait(10)
