"""What a deployment's image becomes: something that runs, or is looked at and simulated, and says which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Log = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What is to run.

    Attributes:
        deployment_id, environment_id, service_id, service: whose deployment it is.
        image: the reference as stored, or the empty string for a repository source.
        command: the start command, or the empty string for the image's own.
        variables: rendered, RAILWAY_* and PORT among them.
        health_path: the path of the health check, or the empty string.
        health_seconds: how long it may take to answer 200.
        volume: the mount path of the service's volume, or the empty string.
        volume_id: names the folder that is mounted.
        previous: what ran before, as `Running.handle`.
    """

    deployment_id: str
    environment_id: str
    service_id: str
    service: str
    image: str
    command: str
    variables: Mapping[str, str] = field(repr=False)
    health_path: str
    health_seconds: float
    volume: str
    volume_id: str
    previous: str = ""


@dataclass(frozen=True)
class Running:
    """What runs now: `mode` is container, postgres or simulated; `address` is host:port, empty if simulated.

    `has_exited` says that its process has ended with 0 already.
    """

    mode: str
    handle: str = ""
    address: str = ""
    has_exited: bool = False
    meta: Mapping[str, Any] = field(default_factory=dict)


class RunFailed(Exception):
    """The deployment ended badly: `status` is FAILED or CRASHED; the message is its last log line."""

    def __init__(self, status: str, message: str) -> None:
        self.status = status
        super().__init__(message)


class Runner(Protocol):
    """Runs images of one kind."""

    def takes(self, image: str) -> bool:
        """Tell whether this runner is for that image."""
        ...

    def start(self, order: Order, log: Log) -> Running:
        """Start it and return once it is healthy; raises RunFailed."""
        ...

    def stop(self, handle: str) -> None:
        """Stop what `start` returned; nothing happens where it is gone."""
        ...
