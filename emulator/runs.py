"""How the image of a deployment runs: as a container, as an embedded PostgreSQL, or simulated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

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


@dataclass(frozen=True)
class Running:
    """What runs now.

    Attributes:
        mode: container, postgres or simulated.
        handle: what its runner stops it by; empty if simulated.
        address: host:port; empty if simulated.
        has_exited: whether its process has already exited with 0.
    """

    mode: str
    handle: str = ""
    address: str = ""
    has_exited: bool = False


class RunFailed(Exception):
    """The image did not run: `status` is the deployment's, FAILED or CRASHED; the message is its last log line."""

    def __init__(self, status: str, message: str) -> None:
        self.status = status
        super().__init__(message)


class Runner(Protocol):
    """Runs images of one kind."""

    def start(self, order: Order, log: Log) -> Running:
        """Start an image, and return once it is healthy.

        Raises:
            RunFailed: it did not start, or did not become healthy in time.
        """
        ...

    def stop(self, handle: str) -> None:
        """Stop what has this handle; nothing happens if it has ended already."""
        ...
