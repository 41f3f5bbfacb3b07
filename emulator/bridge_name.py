"""The names of the network bridges that Docker creates for the emulator's containers.

A killed Docker daemon leaves its bridges behind, and each one takes one of about thirty address ranges that all daemons
of a machine share. By its name, a bridge that was left is found, and the environment's next network uses it again.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

OPTION = "com.docker.network.bridge.name"


def prefix(folder: Path) -> str:
    """Return the beginning of the names of all bridges of the emulator whose data are in a folder."""
    return f"cv{hashlib.sha256(str(folder).encode()).hexdigest()[:6]}"


def bridge_name(folder: Path, environment_id: str) -> str:
    """Return the name of an environment's bridge; a network interface's name has at most 15 characters."""
    return prefix(folder) + hashlib.sha256(environment_id.encode()).hexdigest()[:6]
