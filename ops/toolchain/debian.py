"""Installs Debian packages, only as root and announced, or unpacks them into the cache."""

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
    """Install packages; update the package lists if they are missing or outdated.

    Raises:
        ToolError: apt-get failed; the message has its last line and the command to try by hand.
    """
    names = " ".join(packages)
    step.note(f"installing Debian packages: {names}")
    if not any(LISTS.glob("*_Packages*")):
        _apt(store, step, "update")
    command = ("install", "-y", "--no-install-recommends", *packages)
    if _apt(store, step, *command) is None:
        return
    _apt(store, step, "update")  # outdated lists contain versions that the mirror has removed
    problem = _apt(store, step, *command)
    if problem is not None:
        raise ToolError("apt-get", problem, f"run: apt-get update && apt-get install -y {names}")


def unpack(package: str, libraries: tuple[str, ...], store: Store, step: Step) -> Path:
    """Unpack a package that is not installed into a folder and return it; none of its services starts.

    Args:
        package: its name, which is also the folder's in the cache.
        libraries: the prefixes of its dependencies that may be missing on this machine.
        store: the cache.
        step: shows the progress.

    Raises:
        ToolError: apt-get or dpkg-deb failed.
    """
    home = store.root / "debian" / package
    if home.is_dir():
        return home
    step.note(f"unpacking a Debian package into the cache: {package}")
    with store.workspace() as folder:
        problem = _apt(store, step, "download", package, *_needed(package, libraries), folder=folder)
        if problem is not None:
            _apt(store, step, "update")  # there are no lists, or they contain versions that the mirror has removed
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
    """Return the distribution's names for the libraries of a package."""
    said = run_for_text("apt-cache", "depends", package) or ""
    names = [line.partition("Depends: ")[2] for line in said.splitlines() if line.startswith("  Depends: ")]
    return [name for name in names if name.startswith(libraries)]


def _apt(store: Store, step: Step, *args: str, folder: Path | None = None) -> str | None:
    """Run apt-get without prompts; return its last error message, or None if it succeeded.

    Args:
        store: keeps its output.
        step: shows the progress.
        args: the command.
        folder: the working directory.
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
