"""What a killed container daemon has left mounted."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


def unmount_below(folder: Path) -> None:
    """Unmount what a killed daemon left mounted, because removing a folder would delete files through its mounts."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return
    points = [_unescaped(line.split()[1]) for line in mounts.read_text().splitlines()]
    for point in sorted((p for p in points if Path(p).is_relative_to(folder)), key=len, reverse=True):
        subprocess.run(["umount", "--lazy", point], stdin=subprocess.DEVNULL, capture_output=True)


def _unescaped(field: str) -> str:
    r"""Return a path from its form in /proc/mounts, where a space is `\040`."""
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal.group(1), 8)), field)
