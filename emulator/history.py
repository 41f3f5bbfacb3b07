"""How documents were a while ago, for reads that lag: pure, with the clock given."""

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
        """Write down a document's new body, or None for its end.

        Args:
            kind: kind of the document; what does not lag is not kept.
            id_: id of the document.
            body: the document as JSON.
            at: since when, in seconds of the monotonic clock; now unless said otherwise.
        """
        if kind not in LAGGING:
            return
        moment = time.monotonic() if at is None else at
        versions = self._versions.setdefault(kind, {}).setdefault(id_, [])
        versions.append((moment, body))
        while len(versions) > 1 and versions[1][0] < moment - LONGEST_LAG_SECONDS:
            versions.pop(0)

    def follow(self, present: Mapping[str, Mapping[str, Any]]) -> None:
        """Write down what differs from the newest versions: documents were taken back.

        Args:
            present: all documents of the kinds that lag, by kind and id.
        """
        moment = time.monotonic()
        for kind, documents in present.items():
            for id_ in {*self.ids(kind), *documents}:
                body = json.dumps(documents[id_]) if id_ in documents else None
                if self.at(kind, id_, moment) != body:
                    self.add(kind, id_, body)

    def at(self, kind: str, id_: str, moment: float) -> str | None:
        """Return a document's body at a moment, or None if it was not there."""
        for since, body in reversed(self._versions.get(kind, {}).get(id_, [])):
            if since <= moment:
                return body
        return None

    def ids(self, kind: str) -> list[str]:
        """Return the ids of a kind, of what is gone as well, oldest first."""
        return list(self._versions.get(kind, {}))
