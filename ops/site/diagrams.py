"""Downloads the script that draws the diagrams once, by npm, and checks its pinned digest; the site contains it."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path

from convos_infra.errors import InfraError
from ops.toolchain.store import write_atomically

PACKAGE = "mermaid@11.12.0"  # MIT; the line that the theme asks for
DIGEST = "93492e4d609be83653a41c435f4cbd7e74419f7fa6b4fc90a8c983195f64af82"
"""SHA-256 of the package's archive."""
MEMBER = "package/dist/mermaid.min.js"
FETCH_SECONDS = 180.0


def script(cache: Path) -> Path:
    """Return the script, from the cache or from npm.

    Args:
        cache: a folder of the cache.

    Raises:
        InfraError: npm is missing, the registry is out of reach, or the archive is not the pinned one.
    """
    file = cache / f"mermaid-{DIGEST[:12]}.min.js"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            write_atomically(file, _fetched(Path(folder)))
    return file


def _fetched(folder: Path) -> str:
    command = ["npm", "pack", PACKAGE, "--silent", "--ignore-scripts", "--pack-destination", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, cwd=folder, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InfraError("docs", f"npm cannot get {PACKAGE}: {type(error).__name__}", "install Node with npm") from None
    archives = list(folder.glob("*.tgz"))
    if done.returncode != 0 or len(archives) != 1:
        words = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise InfraError("docs", f"npm cannot get {PACKAGE}: {words[:200]}", "run make docs again when it is in reach")
    return unpacked(archives[0])


def unpacked(archive: Path, digest: str = DIGEST) -> str:
    """Return the script of an archive.

    Raises:
        InfraError: it is not the pinned one.
    """
    if hashlib.sha256(archive.read_bytes()).hexdigest() != digest:
        raise InfraError("docs", f"{archive.name} is not the pinned archive", "do not use it; tell the maintainers")
    with tarfile.open(archive) as files:
        member = files.extractfile(MEMBER)
        assert member is not None
        return member.read().decode("utf-8")
