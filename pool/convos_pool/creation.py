"""Creates and deletes agents on Railway, in an order that survives an interruption after every call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pool_contract.agent_variables import API_KEY, PORT

from . import agents
from .credential_record import Recorded
from .errors import ConflictError, CredentialError, RailwayCallError, ThrottledError

if TYPE_CHECKING:
    from .agent_services import AgentServices
    from .agents import Agent
    from .credential_record import CredentialRecord
    from .credentials import Credentials
    from .database import Database, Lock
    from .settings import Settings

ABANDONED_SECONDS = 180.0
"""Outside of a fork, how long, in seconds, a service may lack an image before it is deleted as a leftover."""


class Creation:
    """Creates and deletes agents; only while the tick's lock is held, so that there are no concurrent changes.

    Args:
        settings: the settings of new agents.
        railway: the agents' services.
        credentials: their keys and inboxes.
        database: their claims.
        log: called with each line of the log.
    """

    def __init__(
        self,
        settings: Settings,
        railway: AgentServices,
        credentials: Credentials,
        database: Database,
        log: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._railway = railway
        self._credentials = credentials
        self._database = database
        self._log = log
        self._is_fork: bool | None = None
        self._strangers: set[str] = set()

    def create(self) -> str:
        """Create an agent and return its id.

        Empty service -> volume -> domain -> key and inbox -> one patch: the agent starts once, with its volume, its
        domain and its variables. After an interruption it is found again as `unfinished`.
        """
        id_ = agents.new_id()
        service_id = self._railway.create_service(agents.service_name(id_))
        self._furnish(id_, service_id, has_volume=False, has_domain=False, is_new=True)
        return id_

    def finish(self, agent: Agent, volumes: Mapping[str, Sequence[str]]) -> bool:
        """Complete an unfinished agent; return whether anything was missing."""
        service_id = self._railway.ensure_service(agent.instance)
        instance, variables = self._railway.before_claim(service_id)
        if instance.image or variables.get(agents.GATEWAY_TOKEN):
            # Railway's list lagged behind. A second patch would change the agent's secrets and start it again.
            return False
        has_volume, has_domain = bool(volumes.get(service_id)), bool(agent.instance.domain)
        self._furnish(agent.id, service_id, has_volume=has_volume, has_domain=has_domain, is_new=False)
        return True

    def may_finish(self) -> bool:
        """Tell whether an unfinished service belongs to this pool.

        In a fork it does. Outside of forks, Railway adds each new service to every environment that is not a fork
        (fact: service-create-scope), so it may be an agent that another pool is creating.
        """
        try:
            return self._is_in_fork()
        except RailwayCallError:
            return False

    def _is_in_fork(self) -> bool:
        if self._is_fork is None:
            self._is_fork = self._railway.is_fork()
        return self._is_fork

    def is_abandoned(self, agent: Agent) -> bool:
        """Tell whether an unfinished service has been left long enough."""
        return (datetime.now(UTC) - agent.instance.created_at).total_seconds() > ABANDONED_SECONDS

    def is_surely_an_agent(self, agent: Agent) -> bool:
        """Verify that a service with an agent's name is an agent, before it is deleted.

        An id that this pool manager generated is random, so hardly any other name ends with one. The id of another pool
        manager may be a word; then the service's variables decide.
        """
        if agents.is_own_id(agent.id):
            return True
        service_id = agent.instance.service_id
        if service_id in self._strangers:
            return False
        _, variables = self._railway.before_claim(service_id)
        if agents.GATEWAY_TOKEN in variables or API_KEY in variables:
            return True
        self._strangers.add(service_id)
        self._log(f"{agent.instance.name}: its name is an agent's, but its variables are not; it is kept")
        return False

    def delete(self, agent: Agent, volumes: Mapping[str, Sequence[str]], *, forgets_claim: bool = False) -> None:
        """Delete an agent in this environment only; its volumes first, as they outlive their service.

        Its key and its inbox are deleted last. The deletion is recorded before anything is deleted, so that the next
        pool manager completes it if this one ends in between.

        Args:
            agent: the agent.
            volumes: the volumes of each service.
            forgets_claim: whether its row of `agent_metadata` is deleted, too.
        """
        service_id = agent.instance.service_id
        # A fork has copies of its source's agents, whose keys belong to the source. Until it is known whether this is a
        # fork, nothing is deleted.
        is_fork = self._is_in_fork()
        by_name = bool(agent.instance.image) and not is_fork
        known = self._credentials.begin_removal(
            self._wanted(agent.id, service_id, by_name=by_name, forgets_claim=forgets_claim)
        )
        for volume_id in volumes.get(service_id, ()):
            self._railway.delete_volume(volume_id)
        if is_fork:
            self._railway.delete_service(service_id)
        else:
            self._railway.commit(agents.removal_patch(service_id), f"pool: remove {agent.id}")
        try:
            self.finish_removal(known)
        except CredentialError as error:
            # The agent is gone. The rest is on record, and the next tick deletes it.
            self._log(f"{agent.id}: its key or its inbox could not be deleted yet: {error}")

    def delete_rest(self, agent_id: str) -> None:
        """Delete the rest of an agent that no longer exists: its key, its inbox and its row."""
        wanted = self._wanted(agent_id, "", by_name=not self._is_in_fork(), forgets_claim=True)
        self.finish_removal(self._credentials.begin_removal(wanted))

    def finish_removal(self, known: Recorded) -> None:
        """Delete the key, the inbox and, if requested, the row of an agent whose service is gone.

        Raises:
            CredentialError: a key or an inbox may still exist; it stays on record.
        """
        is_complete = self._credentials.remove(known)
        if known.forgets_claim:
            self._database.forget_claim(known.agent_id, known.service_id)
        if is_complete and known.service_id and self._railway.leaves_services():
            # `LeftoverServices` forgets it later.
            self._credentials.record.keep_service(known.agent_id)
        elif is_complete:
            self._credentials.record.forget(known.agent_id)

    @property
    def record(self) -> CredentialRecord:
        """The record of deleted agents."""
        return self._credentials.record

    def removals(self) -> list[Recorded]:
        """Return the agents whose deletion has begun."""
        return [one for one in self._credentials.record.all().values() if one.removing]

    def finish_removals(self, living: Mapping[str, Agent], lock: Lock, note: Callable[[Agent, str], None]) -> set[str]:
        """Complete deletions that have begun; return the ids of their agents.

        Args:
            living: the existing agents, by id.
            lock: the tick's lock.
            note: called with each agent that is gone.
        """
        gone: set[str] = set()
        for known in self.removals():
            lock.confirm()
            agent = living.get(known.agent_id)
            try:
                with self._database.lock(known.agent_id):
                    if agent is None:
                        self.finish_removal(known)
                    else:
                        self.delete(agent, self._railway.volumes(), forgets_claim=known.forgets_claim)
                        note(agent, "gone")
            except ConflictError:
                continue
            except ThrottledError:
                raise
            except RailwayCallError as error:
                # The service may already be gone, because Railway's list lags behind.
                self._log(f"{known.agent_id}: not deleted yet: {error}")
            except CredentialError as error:
                self._log(f"{known.agent_id}: its key or its inbox could not be deleted yet: {error}")
            gone.add(known.agent_id)
        return gone

    def _wanted(self, agent_id: str, service_id: str, *, by_name: bool, forgets_claim: bool) -> Recorded:
        claimed_service, key_hash, inbox_id = self._database.credentials_of(agent_id, service_id)
        return Recorded(
            agent_id,
            service_id or claimed_service,
            key_hash,
            inbox_id,
            by_name=by_name,
            removing=True,
            forgets_claim=forgets_claim,
        )

    def _furnish(self, id_: str, service_id: str, *, has_volume: bool, has_domain: bool, is_new: bool) -> None:
        if not has_volume and self._settings.agent.volume:
            self._railway.create_volume(service_id, self._settings.agent.volume)
        if not has_domain:
            self._railway.create_domain(service_id, PORT)
        made = self._credentials.make(id_, service_id, is_new=is_new)
        patch = agents.first_patch(service_id, self._settings, agents.variables(self._settings, id_, made))
        self._railway.commit(patch, f"pool: new agent on {self._settings.runtime_image}")
