"""Past versions of documents, for reads that lag behind."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

LAGGING = ("environment", "volume", "volume_instance", "domain", "custom_domain", "tcp_proxy")
LONGEST_LAG_SECONDS = 60.0


class History:
    """The versions of each document of a lagging kind, as JSON, back to the longest lag."""

    def __init__(self) -> None:
        self._versions: dict[str, dict[str, list[tuple[float, str | None]]]] = {}

    def add(self, kind: str, id_: str, body: str | None, *, at: float | None = None) -> None:
        """Record a document's new body, or None for its deletion.

        Args:
            kind: the document's kind; only those in LAGGING are recorded.
            id_: the document's id.
            body: the document as JSON.
            at: since when, in seconds of the monotonic clock; None is now.
        """
        if kind not in LAGGING:
            return
        moment = time.monotonic() if at is None else at
        versions = self._versions.setdefault(kind, {}).setdefault(id_, [])
        versions.append((moment, body))
        while len(versions) > 1 and versions[1][0] < moment - LONGEST_LAG_SECONDS:
            versions.pop(0)

    def follow(self, present: Mapping[str, Mapping[str, Any]]) -> None:
        """Record what differs from the newest versions, after changes were undone.

        Args:
            present: all documents of the kinds in LAGGING, by kind and id.
        """
        moment = time.monotonic()
        for kind, documents in present.items():
            for id_ in {*self.ids(kind), *documents}:
                body = json.dumps(documents[id_]) if id_ in documents else None
                if self.at(kind, id_, moment) != body:
                    self.add(kind, id_, body)

    def at(self, kind: str, id_: str, moment: float) -> str | None:
        """Return a document's body at a moment, or None if it did not exist."""
        for since, body in reversed(self._versions.get(kind, {}).get(id_, [])):
            if since <= moment:
                return body
        return None

    def ids(self, kind: str) -> list[str]:
        """Return the ids of a kind, including those of deleted documents, oldest first."""
        return list(self._versions.get(kind, {}))
