"""What an agent says of itself."""

from __future__ import annotations

from enum import Enum


class Readiness(Enum):
    """What an agent says of itself."""

    READY = "ready"
    NOT_READY = "not ready"
    UNAUTHORIZED = "wants another key"
    NONSENSE = "answers nonsense"
    SILENT = "does not answer"
