"""The paths of the local stack: one ignored folder, and a short one for sockets."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

_PLAIN = re.compile(r"[A-Za-z0-9/._+@=,-]+")
SOCKET_BYTES = 100
"""A unix socket's path has at most 107 bytes on Linux and 103 on macOS."""


@dataclass(frozen=True)
class Layout:
    """Paths of one checkout's local stack.

    Args:
        checkout: the repository's top folder, resolved.
        root: the ignored folder that `make down` removes.
    """

    checkout: Path
    root: Path

    @property
    def services(self) -> Path:
        """The file that records what runs where."""
        return self.root / "services.json"

    @property
    def env(self) -> Path:
        """The file that a shell sources to use the local stack."""
        return self.root / "env"

    @property
    def logs(self) -> Path:
        """The folder of logs, one per service."""
        return self.root / "logs"

    @property
    def passphrase(self) -> Path:
        """The passphrase that encrypts secrets in the local stack's state."""
        return self.root / "passphrase"

    @property
    def emulator(self) -> Path:
        """What the emulator of Railway knows, a SQLite file."""
        return self.root / "emulator.sqlite"

    @property
    def broken(self) -> Path:
        """Files of Pulumi's backend that could not be read, each with the time at which it was moved here."""
        return self.root / "broken"

    @property
    def token(self) -> Path:
        """The account token that the emulator accepts."""
        return self.root / "token"

    @property
    def pulumi_home(self) -> Path:
        """Pulumi's own files, apart from those of the user's other projects."""
        return self.root / "pulumi-home"

    @property
    def state(self) -> Path:
        """The file backend of the local stack."""
        return self.root / "state"

    @property
    def buildx(self) -> Path:
        """The folder in which docker-build finds our BuildKit by its name."""
        return self.root / "buildx"

    @property
    def python(self) -> Path:
        """The virtual environment's Python."""
        return self.checkout / ".venv" / "bin" / "python"

    @property
    def short_name(self) -> str:
        """A stable name of this stack, for sockets and containers."""
        return "convos-" + hashlib.sha256(str(self.root).encode()).hexdigest()[:8]

    @property
    def runtime(self) -> Path:
        """The folder of sockets: inside `.local` if its path is suitable, otherwise in the system's temporary folder.

        It must be short and plain: Docker and BuildKit treat `unix://PATH` as a URL and do not decode it.
        """
        inside = self.root / "run"
        is_short = len(os.fsencode(inside / "docker" / "containerd" / "containerd-debug.sock.ttrpc")) <= SOCKET_BYTES
        if is_short and _PLAIN.fullmatch(str(inside)):
            return inside
        return Path(tempfile.gettempdir()) / f"{self.short_name}-{os.geteuid()}"


def here() -> Layout:
    """Return the layout of this checkout; `CONVOS_LOCAL_ROOT` makes a second local stack beside `.local`."""
    checkout = Path(__file__).resolve().parents[2]
    named = os.environ.get("CONVOS_LOCAL_ROOT")
    return Layout(checkout, Path(named).absolute() if named else checkout / ".local")
