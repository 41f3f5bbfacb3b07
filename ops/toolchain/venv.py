"""The virtual environment, from a locked requirements file with hashes; rebuilt only when that file changes."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from ops.toolchain import debian
from ops.toolchain.errors import ToolError
from ops.toolchain.machine import read_machine

if TYPE_CHECKING:
    from pathlib import Path

    from ops.toolchain.console import Step
    from ops.toolchain.store import Store

PIP_SECONDS = 900.0


def digest(requirements: Path) -> str:
    """Return a digest of what the environment depends on: the locked file and this Python."""
    return hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()


def ensure(folder: Path, requirements: Path, store: Store, step: Step) -> None:
    """Create or update a virtual environment, unless it was made from exactly this file by exactly this Python.

    Raises:
        ToolError: a part of Python is missing, or pip failed; the message has the command to try.
    """
    if odd := next((mark for mark in str(folder) if mark == os.pathsep or not mark.isprintable()), ""):
        # Python makes no environment there, and no shell finds a program there by its PATH.
        raise ToolError("checkout", f"its path contains {odd!r}, which PATH does not allow", "move it elsewhere")
    wanted = digest(requirements)
    stamp = folder / "requirements.sha256"
    if stamp.exists() and stamp.read_text() == wanted:
        stamp.touch()  # newer than the locked file, so that make does not call again
        step.got(f"{folder.name} (unchanged)")
        return
    with store.locked(lambda: step.doing("waiting for another make", slow=True)):
        if not stamp.exists() or stamp.read_text() != wanted:
            _create(folder, store, step)
            _install(folder, requirements, store, step)
            stamp.write_text(wanted)
    step.got(f"{folder.name} from {requirements.name}")


def _create(folder: Path, store: Store, step: Step) -> None:
    """Create the environment; one that is incomplete or belongs to another Python is rebuilt."""
    python = folder / "bin" / "python"
    if python.exists() and _says(python, "import sys, pip; print(sys.version)") == sys.version:
        return
    shutil.rmtree(folder, ignore_errors=True)
    step.doing("making the virtual environment", slow=True)
    if _venv(folder) is None:
        return
    minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
    machine = read_machine()
    if (
        machine.debian and machine.root
    ):  # Debian keeps the module that installs pip into an environment in a separate package
        debian.install((f"{minor}-venv",), store, step)
    problem = _venv(folder)
    if problem is not None:
        shutil.rmtree(folder, ignore_errors=True)
        hint = f"run: sudo apt-get install -y {minor}-venv" if machine.debian else f"repair {sys.executable}"
        raise ToolError("python", f"{minor} -m venv: {problem}", hint)


def _venv(folder: Path) -> str | None:
    done = subprocess.run(
        [sys.executable, "-m", "venv", str(folder)], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    words = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return None if done.returncode == 0 else (words[0] if words else f"exit code {done.returncode}")


def _install(folder: Path, requirements: Path, store: Store, step: Step) -> None:
    step.doing(f"pip install --require-hashes -r {requirements.name}", slow=True)
    argv = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    argv += ["--require-hashes", "-r", str(requirements)]
    log = store.logs / "pip.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PIP_SECONDS)
    except subprocess.TimeoutExpired:
        raise ToolError("python", f"pip did not end in {PIP_SECONDS:.0f} s", "run the command again") from None
    log.write_text(f"{time.ctime()}\n{done.stdout}{done.stderr}")
    if done.returncode != 0:
        words = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise ToolError("python", f"pip: {words[0] if words else 'failed'}", f"its whole output is in {log}")


def _says(python: Path, code: str) -> str:
    done = subprocess.run([str(python), "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.stdout.rstrip("\n")
