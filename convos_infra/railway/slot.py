"""`Slot`: what this process knows about one environment."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convos_infra.railway.writers import Writers

if TYPE_CHECKING:
    from convos_infra.railway.details import Details
    from convos_infra.railway.snapshot import Snapshot


@dataclass
class Slot:
    """What is known about one environment.

    Attributes:
        lock: held by the one that reads it.
        writers: who may change it.
        snapshot: the last read, with the parts of it that were read again since; None if it is gone or was never read.
        is_gone: whether the last read has proved that it does not exist.
        details: a snapshot, and its details, which were read separately.
        read_at: when the last read of the whole began, by a monotonic clock.
        changes_seen: how many changes were known then.
        running: the variables of deployments, by id, which never change.
        domains: the private domains of services, by id and name.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    writers: Writers = field(default_factory=Writers)
    snapshot: Snapshot | None = None
    is_gone: bool = False
    details: tuple[Snapshot, Details] | None = None
    read_at: float = 0.0
    changes_seen: int = 0
    running: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    domains: dict[tuple[str, str], str] = field(default_factory=dict)
