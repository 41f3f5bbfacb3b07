"""`Slot`: what this process knows about one environment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING, Any

from convos_infra.railway.shared_read import SharedRead
from convos_infra.railway.writers import Writers

if TYPE_CHECKING:
    from convos_infra.railway.details import Details
    from convos_infra.railway.snapshot import Snapshot
    from railway_api.errors import RailwayError


@dataclass
class Slot:
    """What is known about one environment.

    Args:
        ask_details: reads what belongs to one snapshot and is asked beside it.

    Attributes:
        lock: held by the one that reads it.
        writers: who may change it.
        snapshot: the last read, with the parts of it that were read again since; None if it is gone or was never read.
        is_gone: whether the last read has proved that it does not exist.
        details: what belongs to one snapshot and is asked beside it.
        read_at: when the last read of the whole began, by a monotonic clock.
        failure, failed_at: the error of the last read if it failed, and when, by the same clock.
        changes_seen: how many changes were known then.
        running: the variables of deployments, by id, which never change.
        domains: the private domains of services, by id and name.
    """

    ask_details: InitVar[Callable[[Snapshot], Details]]
    lock: threading.Lock = field(default_factory=threading.Lock)
    writers: Writers = field(default_factory=Writers)
    snapshot: Snapshot | None = None
    is_gone: bool = False
    details: SharedRead[Snapshot, Details] = field(init=False)
    read_at: float = 0.0
    failure: RailwayError | None = None
    failed_at: float = 0.0
    changes_seen: int = 0
    running: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    domains: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self, ask_details: Callable[[Snapshot], Details]) -> None:
        self.details = SharedRead(ask_details)

    def note(self, snapshot: Snapshot, details: Details) -> None:
        """Keep those details that also hold for later snapshots: private domains, and the variables of deployments."""
        with self.lock:
            self.domains |= {(id_, snapshot.name_of(id_)): domain for id_, domain in details.private_domains.items()}
        for service_id, values in details.variables.items():
            serving = snapshot.serving_deployment(service_id)
            if serving is not None:
                self.running[serving.id] = values
