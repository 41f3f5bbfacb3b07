"""The output of containers, added to the log of their deployments whenever somebody reads it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from emulator.log_query import later_than
from emulator.routes import ACTIVE

if TYPE_CHECKING:
    from emulator.containers import Containers
    from emulator.store import Document

MOST_KEPT = 20_000
"""How many lines of one deployment are kept; if there are more, the older half is dropped."""
_READABLE = (*ACTIVE, "CRASHED")


class ContainerLogs:
    """Adds the output of containers to the logs of their deployments.

    Args:
        containers: the containers on Docker; None if runs are simulated.
    """

    def __init__(self, containers: Containers | None) -> None:
        self._containers = containers
        self._one_at_a_time = threading.Lock()

    def collect(self, deployment: Document) -> None:
        """Add the lines that a deployment's container has printed since the last time.

        Readers tell lines apart by their times (fact: log-times), so each is later than the one before.
        """
        run, lines = deployment["run"], deployment["logs"]
        if self._containers is None or run["mode"] != "container" or deployment["status"] not in _READABLE:
            return
        with self._one_at_a_time:
            read = str(run.get("read", ""))
            # Docker's times have nine digits after the second, always, so they compare as texts.
            fresh = [line.partition(" ") for line in self._containers.lines(run["handle"]) or ()]
            for at, _, message in fresh:
                if at > read:
                    run["read"] = at
                    last = lines[-1]["timestamp"] if lines else ""
                    lines.append({"timestamp": later_than(last, at), "message": message, "severity": "info"})
            if len(lines) > MOST_KEPT:
                del lines[: len(lines) // 2]
