"""Facts about this machine, read once and cheaply, so that every decision about them can be a pure function."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

Version = tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """An executable on PATH and the version that it reports (None if it reports none)."""

    path: str
    version: Version | None = None


@dataclass(frozen=True)
class Machine:
    """The facts that decide how a tool is installed.

    Args:
        system: `Linux` or `Darwin`, as reported by `uname -s`.
        arch: `x64` or `arm64`, as in the names of Pulumi's releases.
        root: whether this process may install packages and start daemons.
        debian: whether it is Debian or a derivative, with `apt-get` on PATH.
        go: the version of the `go` on PATH.
    """

    system: str
    arch: str
    root: bool
    debian: bool
    go: Version | None = None


def parse_version(text: str) -> Version | None:
    """Return the first dotted version in a text: `pulumi v3.259.0-dev` is (3, 259, 0)."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part) for part in found.groups() if part is not None) if found else None


def show(version: Version | None) -> str:
    """Return a version in its usual notation."""
    return ".".join(str(part) for part in version) if version else "of an unknown version"


def run_for_text(*argv: str, seconds: float = 20.0) -> str | None:
    """Return a command's output, or None if it is missing, fails or takes too long."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def search_path(without: Path) -> str:
    """Return PATH without our own cache, so that a tool built there does not count as the user's."""
    own = without.resolve()
    kept = [
        entry for entry in os.environ.get("PATH", os.defpath).split(os.pathsep) if Path(entry or ".").resolve() != own
    ]
    return os.pathsep.join(kept)


def find_program(name: str, path: str, version_flag: str = "") -> Program | None:
    """Return a program on `path`, with its version if `version_flag` is given.

    Debian keeps daemons in `sbin`, which not every user has on PATH, so these folders are searched as well.
    """
    where = shutil.which(name, path=os.pathsep.join([path, "/usr/local/sbin", "/usr/sbin", "/sbin"]))
    if where is None:
        return None
    return Program(where, parse_version(run_for_text(where, version_flag) or "") if version_flag else None)


def read_machine() -> Machine:
    """Read the facts of this machine."""
    arch = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
    release = Path("/etc/os-release")
    names = re.findall(r'^ID(?:_LIKE)?="?([^"\n]*)', release.read_text(), re.MULTILINE) if release.exists() else []
    return Machine(
        system=platform.system(),
        arch=arch.get(platform.machine().lower(), platform.machine()),
        root=os.geteuid() == 0,
        debian="debian" in " ".join(names).split() and shutil.which("apt-get") is not None,
        go=parse_version(run_for_text("go", "env", "GOVERSION") or ""),
    )
