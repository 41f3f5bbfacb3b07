"""Making and deleting agents on Railway, in the order that survives being cut off after every call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from . import agents
from .errors import RailwayError

if TYPE_CHECKING:
    from .agents import Agent
    from .railway import Railway
    from .settings import Settings

ABANDONED_SECONDS = 180.0
"""Outside a fork, how long a service may be without an image before it counts as somebody else's leftover."""


class Creation:
    """Makes agents and deletes them; only while the tick's lock is held, so that no two do it at once.

    Args:
        settings: what new agents get.
        railway: where.
    """

    def __init__(self, settings: Settings, railway: Railway) -> None:
        self._settings = settings
        self._railway = railway
        self._is_fork: bool | None = None

    def create(self) -> str:
        """Make an agent and return its id.

        Empty service -> volume -> domain -> one patch: the first boot knows its volume and its domain, and starts once,
        with its variables. What is cut off in between is found again as `unfinished`.
        """
        id_ = agents.new_id()
        service_id = self._railway.create_service(agents.service_name(id_))
        self._furnish(service_id, has_volume=False, has_domain=False)
        return id_

    def finish(self, agent: Agent, volumes: Mapping[str, Sequence[str]]) -> bool:
        """Give an unfinished agent what it lacks; return whether it lacked anything."""
        service_id = agent.instance.service_id
        instance, variables = self._railway.before_claim(service_id)
        if instance.image or variables.get(agents.GATEWAY_TOKEN):
            # The list lags behind. A second patch would give it other secrets, and a second start.
            return False
        self._furnish(service_id, has_volume=bool(volumes.get(service_id)), has_domain=bool(agent.instance.domain))
        return True

    def may_finish(self) -> bool:
        """Say whether an unfinished service is this pool's own.

        In a fork it is. Elsewhere Railway puts every new service into all environments that are no forks: it may be the
        beginning of another pool's agent.
        """
        if self._is_fork is None:
            try:
                self._is_fork = self._railway.is_fork()
            except RailwayError:
                return False
        return self._is_fork

    def is_abandoned(self, agent: Agent) -> bool:
        """Say whether an unfinished service has been left long enough."""
        return (datetime.now(UTC) - agent.instance.created_at).total_seconds() > ABANDONED_SECONDS

    def delete(self, agent: Agent, volumes: Mapping[str, Sequence[str]]) -> None:
        """Delete an agent in this environment and no other; its volumes first, they outlive their service."""
        service_id = agent.instance.service_id
        for volume_id in volumes.get(service_id, ()):
            self._railway.delete_volume(volume_id)
        if self.may_finish():
            self._railway.delete_service(service_id)
        else:
            self._railway.commit(agents.removal_patch(service_id), f"pool: remove {agent.id}")

    def _furnish(self, service_id: str, *, has_volume: bool, has_domain: bool) -> None:
        if not has_volume:
            self._railway.create_volume(service_id, agents.MOUNT_PATH)
        if not has_domain:
            self._railway.create_domain(service_id, agents.PORT)
        image = self._settings.runtime_image
        patch = agents.first_patch(service_id, image, agents.variables(self._settings))
        self._railway.commit(patch, f"pool: new agent on {image}")
