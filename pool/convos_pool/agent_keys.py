"""Decides which bearer key an agent expects: one derived from the pool's, or the one stored with its service.

The pool manager's own key is never offered to an agent. Only an agent of an older pool manager may have been made with
it: then its service's variables on Railway contain it, and that is the only reason to send it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pool_contract.agent_api_key import agent_api_key
from pool_contract.agent_variables import API_KEY

from .agents import agent_id
from .errors import RailwayCallError

if TYPE_CHECKING:
    from .railway import Instance


MOST_KNOWN = 5000


class AgentKeys:
    """The bearer keys of agents; the looked-up ones are kept only in the memory of this process.

    Args:
        pool_api_key: the key from which agents' keys are derived.
        stored: reads the variables of all services from Railway, by the service's id.
        log: called with each line of the log.
    """

    def __init__(
        self,
        pool_api_key: str,
        stored: Callable[[], Mapping[str, Mapping[str, str]]],
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._pool_api_key = pool_api_key
        self._log = log
        self._stored = stored
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], str] = {}
        self._asked: set[tuple[str, str]] = set()

    def key_for(self, instance: Instance) -> str:
        """Return the key that an agent most likely expects: the derived key, until the agent refuses it."""
        with self._lock:
            known = self._known.get(instance.place)
        return known or self.derived(agent_id(instance.name) or "")

    def derived(self, id_: str) -> str:
        """Return the key with which an agent is made."""
        return agent_api_key(self._pool_api_key, id_)

    def key_of(self, instance: Instance, variables: Mapping[str, str]) -> str:
        """Return the key that an agent expects, given the variables of its service."""
        stored = variables.get(API_KEY, "")
        # A reference is a placeholder that Railway resolves later, not the key.
        return stored if stored and "${{" not in stored else self.derived(agent_id(instance.name) or "")

    def learn(self, refused: Mapping[str, Instance]) -> frozenset[str]:
        """Look up the keys of agents that refused theirs: one request to Railway for all, once per deployment.

        Args:
            refused: by the service's id.

        Returns:
            The ids of the services whose key has changed.
        """
        with self._lock:
            unasked = {id_: one for id_, one in refused.items() if one.place not in self._asked}
        if not unasked:
            return frozenset()
        try:
            variables = self._stored()
        except RailwayCallError:
            return frozenset()
        changed = set()
        with self._lock:
            if len(self._asked) > MOST_KNOWN:
                # Most of these belong to deployments that are long gone; the keys of the others are looked up again.
                self._asked, self._known = set(), {}
            for id_, instance in unasked.items():
                place, before = instance.place, self._known.get(instance.place)
                self._asked.add(place)
                found = self.key_of(instance, variables.get(id_, {}))
                if found != (before or self.derived(agent_id(instance.name) or "")):
                    self._known[place] = found
                    changed.add(id_)
                    self._log(f"{instance.name}: created with a key that is not its own; redeploy it to change that")
        return frozenset(changed)
