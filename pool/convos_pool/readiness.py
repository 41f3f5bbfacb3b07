"""An agent's answers to the health check."""

from __future__ import annotations

from enum import Enum


class Readiness(Enum):
    """An agent's answer to the health check."""

    READY = "ready"
    NOT_READY = "not ready"
    UNAUTHORIZED = "rejects its key"
    NONSENSE = "answers nonsense"
    SILENT = "does not answer"
