"""Debian packages: installed only as root and only after saying so, or unpacked into the cache."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from ops.toolchain.errors import ToolError
from ops.toolchain.machine import run_for_text

if TYPE_CHECKING:
    from ops.toolchain.console import Step
    from ops.toolchain.store import Store

LISTS = Path("/var/lib/apt/lists")
APT_SECONDS = 900.0


def install(packages: tuple[str, ...], store: Store, step: Step) -> None:
    """Install packages, with their lists brought up to date where there are none or where they are too old.

    Raises:
        ToolError: apt-get refused; its last words and the command to try by hand.
    """
    names = " ".join(packages)
    step.note(f"installing Debian packages: {names}")
    if not any(LISTS.glob("*_Packages*")):
        _apt(store, step, "update")
    command = ("install", "-y", "--no-install-recommends", *packages)
    if _apt(store, step, *command) is None:
        return
    _apt(store, step, "update")  # lists that are there but old name versions that the mirror has dropped
    problem = _apt(store, step, *command)
    if problem is not None:
        raise ToolError("apt-get", problem, f"run: apt-get update && apt-get install -y {names}")


def unpack(package: str, libraries: tuple[str, ...], store: Store, step: Step) -> Path:
    """Return a folder with the files of a package that is not installed: no service of it starts.

    Args:
        package: its name, and the folder's in the cache.
        libraries: what the names of those it depends on begin with that a machine need not have.
        store: the cache.
        step: is told what is done.

    Raises:
        ToolError: apt-get or dpkg-deb refused.
    """
    home = store.root / "debian" / package
    if home.is_dir():
        return home
    step.note(f"unpacking a Debian package into the cache: {package}")
    with store.workspace() as folder:
        problem = _apt(store, step, "download", package, *_needed(package, libraries), folder=folder)
        if problem is not None:
            _apt(store, step, "update")  # there are no lists, or they name versions that the mirror has dropped
            problem = _apt(store, step, "download", package, *_needed(package, libraries), folder=folder)
        if problem is not None:
            raise ToolError("apt-get", problem, f"run: apt-get update && apt-get install -y {package}")
        for file in sorted(folder.glob("*.deb")):
            command = ["dpkg-deb", "--extract", str(file), str(folder / "files")]
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
            if done.returncode != 0:
                raise ToolError("dpkg-deb", f"{file.name}: {done.stderr.strip()}")
        home.parent.mkdir(parents=True, exist_ok=True)
        (folder / "files").replace(home)
    return home


def _needed(package: str, libraries: tuple[str, ...]) -> list[str]:
    """Return the names that a distribution has for libraries of a package."""
    said = run_for_text("apt-cache", "depends", package) or ""
    names = [line.partition("Depends: ")[2] for line in said.splitlines() if line.startswith("  Depends: ")]
    return [name for name in names if name.startswith(libraries)]


def _apt(store: Store, step: Step, *args: str, folder: Path | None = None) -> str | None:
    """Run apt-get without questions; return its last complaint, or None when it went well.

    Args:
        store: where its words are kept.
        step: is told what is done.
        args: the command.
        folder: where it runs.
    """
    step.doing(f"apt-get {args[0]}", slow=True)
    log = store.logs / "apt-get.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # Another apt-get may hold dpkg's lock (unattended upgrades on a fresh machine): wait for it instead of failing.
    argv = ["apt-get", "-o", "DPkg::Lock::Timeout=120", "-q", *args]
    try:
        done = subprocess.run(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=APT_SECONDS,
            cwd=folder,
        )
    except subprocess.TimeoutExpired:
        return f"apt-get {args[0]} did not end in {APT_SECONDS:.0f} s"
    with log.open("a") as file:
        file.write(f"{' '.join(argv)}\n{done.stdout}{done.stderr}")
    if done.returncode == 0:
        return None
    words = [line for line in done.stderr.splitlines() if line.startswith("E:")] or done.stderr.splitlines()
    return words[0] if words else f"exit code {done.returncode}"
