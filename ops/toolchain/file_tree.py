"""`FileTree`: a root file system that is assembled from files of this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

EXTRA_LIBRARIES = (
    *("libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"),
    *("libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1", "libm.so.6", "libgcc_s.so.1", "libstdc++.so.6"),
)
"""Libraries of every base besides libc: glibc loads some by name for DNS, and binary wheels may depend on others."""


@dataclass
class FileTree:
    """A root file system that is being assembled; it records its source files on this machine."""

    root: Path
    sources: set[Path] = field(default_factory=set)

    def add(self, source: Path, target: str) -> None:
        """Copy one file of the machine, owned by root, following links."""
        place = self.root / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            shutil.copyfile(source, place)
            place.chmod(0o755 if os.access(source, os.X_OK) else 0o644)
            self.sources.add(source.resolve())

    def write(self, target: str, text: str) -> None:
        """Write a file of our own."""
        place = self.root / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def link(self, target: str, to: str) -> None:
        """Create a symbolic link, unless the target exists."""
        place = self.root / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(place):
            place.symlink_to(to)

    def add_program(self, source: Path, target: str) -> None:
        """Copy an executable or a shared object, with the libraries that the loader would load for it."""
        self.add(source, target)
        self.add_libraries([source])

    def add_libraries(self, sources: Iterable[Path]) -> None:
        """Copy the libraries that the loader would load for each of `sources`."""
        for name, library in sorted(_libraries(sources).items()):
            self.add(library, f"{_library_folder(library)}/{name}")
            for extra in EXTRA_LIBRARIES if name == "libc.so.6" else ():
                if (library.parent / extra).exists():
                    self.add(library.parent / extra, f"{_library_folder(library)}/{extra}")


def _libraries(sources: Iterable[Path]) -> dict[str, Path]:
    """Return the libraries that `ldd` resolves, by their names: `libc.so.6`, or an interpreter's whole path."""
    found: dict[str, Path] = {}
    for source in sources:
        done = subprocess.run(["ldd", str(source)], capture_output=True, text=True)
        for line in done.stdout.splitlines() if done.returncode == 0 else ():
            match = re.match(r"\s*(\S+) => (/\S+) \(", line) or re.match(r"\s*((/\S+)) \(", line)
            if match:
                found[Path(match[1]).name] = Path(match[2])
    return found


def _library_folder(library: Path) -> str:
    """Return a folder that the loader searches by default; libraries of a user's own Python go beside libc."""
    folder = str(library.parent)
    if re.match(r"(/usr)?/lib(32|64)?(/[\w.-]+-linux-gnu\w*)?$", folder):
        return folder
    triplet = sysconfig.get_config_var("MULTIARCH")
    return f"/usr/lib/{triplet}" if triplet else "/usr/lib"
