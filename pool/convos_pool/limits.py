"""The limits of a Railway project, shared by all of its environments, or of a workspace: how many more agents fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .railway import ProjectUse


@dataclass(frozen=True)
class Limits:
    """The configured limits; 0 means no limit.

    Attributes:
        services, volumes: the limits of the project.
        has_volumes: whether an agent has a volume.
        projects: the limit of the workspace.
    """

    services: int = 0
    volumes: int = 0
    has_volumes: bool = True
    projects: int = 0

    @property
    def are_known(self) -> bool:
        """Whether there is anything to check."""
        return bool(self.services or self.projects or (self.volumes and self.has_volumes))


def room(limits: Limits, use: ProjectUse) -> tuple[int | None, str]:
    """Return how many more agents fit (None for no limit), and the advice if there is no room.

    Args:
        limits: the configured limits.
        use: the current use.
    """
    found: int | None = None
    words = ""
    for owner, name, limit, used, variable in (
        ("project", "services", limits.services, use.services, "POOL_SERVICE_LIMIT"),
        ("project", "volumes", limits.volumes if limits.has_volumes else 0, use.volumes, "POOL_VOLUME_LIMIT"),
        ("workspace", "projects", limits.projects, use.projects, "POOL_PROJECT_LIMIT"),
    ):
        left = max(0, limit - used)
        if limit and (found is None or left < found):
            found = left
            step = f"have Railway raise the limit and set {variable}"
            if name == "volumes":
                step += ", or set POOL_AGENT_VOLUME to none"
            words = f"limit: the {owner} has {used} of {limit} {name}, so no more agents are created; {step}"
    return found, words
