"""The programs that tests call beside the toolchain, by Debian package: `make test` installs them on Debian as root."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ops.toolchain import debian
from ops.toolchain.errors import ToolError

if TYPE_CHECKING:
    from ops.toolchain.console import Step
    from ops.toolchain.machine import Machine
    from ops.toolchain.store import Store

PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "chromium": ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    "docker-registry": ("docker-registry",),
    "nodejs": ("node",),
    "openssl": ("openssl",),
    "postgresql": ("/usr/lib/postgresql/*/bin/postgres",),
    "postgresql-client": ("psql",),
    "util-linux": ("setpriv",),
}
"""The programs of each package, of which one is enough: on PATH, or a pattern of absolute paths."""
INSTEAD = {"chromium": "CHROMIUM_PATH"}
"""The variables that name a program which is elsewhere."""


def missing() -> tuple[str, ...]:
    """Return the packages whose programs this machine lacks."""
    return tuple(
        package
        for package, programs in PROGRAMS.items()
        if not os.environ.get(INSTEAD.get(package, "")) and not any(map(_is_there, programs))
    )


def command(*packages: str) -> str:
    """Return the command that installs packages."""
    return f"apt-get install -y {' '.join(packages)}"


def install(machine: Machine, store: Store, step: Step) -> None:
    """Install what is missing if this process may; the tests that need the rest are skipped and say why."""
    packages = missing()
    if not packages:
        step.got("every program that tests call is installed")
    elif not (machine.debian and machine.root):
        step.got(f"some tests are skipped without: {', '.join(packages)}")
    else:
        try:
            debian.install(packages, store, step)
        except ToolError as error:
            step.note(f"{error}; the tests that need them are skipped")
        step.got(f"installed: {', '.join(sorted(set(packages) - set(missing()))) or 'nothing'}")


def _is_there(program: str) -> bool:
    if program.startswith("/"):
        return any(Path("/").glob(program.removeprefix("/")))
    return shutil.which(program) is not None
