"""Which bearer key an agent wants to hear: one derived from the pool's, or the one that is stored with its service.

The pool manager's own key is never offered to an agent. An agent of an older pool manager was made with it: then it is
what its service's variables on Railway say, and that is the only reason to send it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pool_contract.agent_api_key import agent_api_key
from pool_contract.agent_variables import API_KEY

from .agents import agent_id
from .errors import RailwayError

if TYPE_CHECKING:
    from .railway import Instance


MOST_KNOWN = 5000


class AgentKeys:
    """The bearer keys of agents; nothing is stored beyond this process.

    Args:
        pool_api_key: what keys are derived from.
        stored: asks Railway for the variables of all services, by the service's id.
        log: one line for the log.
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
        """Return what an agent wants to hear, as far as is known: the derived key, until an agent refused it."""
        with self._lock:
            known = self._known.get(_place(instance))
        return known or self.derived(agent_id(instance.name) or "")

    def derived(self, id_: str) -> str:
        """Return the key that an agent is made with."""
        return agent_api_key(self._pool_api_key, id_)

    def key_of(self, instance: Instance, variables: Mapping[str, str]) -> str:
        """Return what an agent wants to hear, given the variables of its service."""
        stored = variables.get(API_KEY, "")
        # A reference is what Railway has yet to resolve: not the key itself.
        return stored if stored and "${{" not in stored else self.derived(agent_id(instance.name) or "")

    def learn(self, refused: Mapping[str, Instance]) -> frozenset[str]:
        """Look up the keys of agents that refused theirs: one question to Railway for all, once a deployment.

        Args:
            refused: by the service's id.

        Returns:
            The service ids whose key is another one now.
        """
        with self._lock:
            unasked = {id_: one for id_, one in refused.items() if _place(one) not in self._asked}
        if not unasked:
            return frozenset()
        try:
            variables = self._stored()
        except RailwayError:
            return frozenset()
        changed = set()
        with self._lock:
            if len(self._asked) > MOST_KNOWN:
                # Those of deployments that are gone long since; the others are asked again.
                self._asked, self._known = set(), {}
            for id_, instance in unasked.items():
                place, before = _place(instance), self._known.get(_place(instance))
                self._asked.add(place)
                found = self.key_of(instance, variables.get(id_, {}))
                if found != (before or self.derived(agent_id(instance.name) or "")):
                    self._known[place] = found
                    changed.add(id_)
                    self._log(f"{instance.name}: was made with another key than its own, which a redeploy gives it")
        return frozenset(changed)


def _place(instance: Instance) -> tuple[str, str]:
    # Another deployment has other variables, perhaps.
    return instance.service_id, instance.deployment_id
