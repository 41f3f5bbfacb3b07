"""The style sheet and the script, read once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
TYPES: Mapping[str, str] = {
    "dashboard.css": "text/css; charset=utf-8",
    "dashboard.js": "text/javascript; charset=utf-8",
}


@dataclass(frozen=True)
class Assets:
    """Files by name.

    Attributes:
        files: name -> content.
        version: changes with any of them, so that browsers may cache them.
    """

    files: Mapping[str, bytes]
    version: str


def read() -> Assets:
    """Read the files of this pool manager."""
    files = {name: (FOLDER / name).read_bytes() for name in TYPES}
    digest = hashlib.sha256(b"".join(files[name] for name in sorted(files)))
    return Assets(files, digest.hexdigest()[:12])
