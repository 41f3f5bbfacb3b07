"""HTTP to agents: their health, and telling one that it was claimed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

from .agents import HEALTH_PATH, agent_id
from .errors import AgentError

if TYPE_CHECKING:
    from .railway import Instance

HEALTH_TIMEOUT = (2.0, 3.0)
PROVISION_TIMEOUT = (5.0, 60.0)
AT_ONCE = 32


@dataclass(frozen=True)
class Conversation:
    """What an agent answers when it is claimed."""

    id: str
    invite_url: str
    joined: bool


class Agents:
    """How agents are reached.

    Args:
        url: with `{domain}`, `{name}` or `{id}`.
        api_key: what agents want to hear before they take part in a conversation.
    """

    def __init__(self, url: str, api_key: str) -> None:
        self._url = url
        self._api_key = api_key

    def address(self, instance: Instance) -> str:
        """Return an agent's URL."""
        return self._url.format(domain=instance.domain, name=instance.name, id=agent_id(instance.name) or "").rstrip(
            "/"
        )

    def is_ready(self, instance: Instance) -> bool:
        """Ask an agent whether it is ready; no answer is a no."""
        if "{domain}" in self._url and not instance.domain:
            return False
        try:
            answer = requests.get(self.address(instance) + HEALTH_PATH, timeout=HEALTH_TIMEOUT, allow_redirects=False)
            return answer.status_code == requests.codes.ok and answer.json().get("ready") is True
        except (requests.RequestException, ValueError, AttributeError):
            return False

    def which_are_ready(self, instances: Iterable[Instance]) -> frozenset[str]:
        """Ask many agents at once, and return the service ids of those that are ready."""
        instances = list(instances)
        with ThreadPoolExecutor(max_workers=min(AT_ONCE, max(1, len(instances)))) as threads:
            answers = list(threads.map(self.is_ready, instances))
        return frozenset(found.service_id for found, ready in zip(instances, answers, strict=True) if ready)

    def provision(self, instance: Instance, wanted: Mapping[str, str], api_key: str = "") -> Conversation:
        """Tell an agent its name, its instructions and where to join.

        The same words again get the same conversation, says the runtime's contract: a lost answer is asked for again.

        Args:
            instance: the agent.
            wanted: what it is told.
            api_key: what it wants to hear, where that is not the pool's key of today: an agent keeps the key that it
                was made with.

        Raises:
            AgentError: it refused, or gave no answer that can be used.
        """
        for again in (True, False):
            try:
                return self._provision(instance, wanted, api_key or self._api_key)
            except AgentError as error:
                if error.refused or not again:
                    raise
        raise AssertionError

    def _provision(self, instance: Instance, wanted: Mapping[str, str], api_key: str) -> Conversation:
        name = instance.name
        try:
            answer = requests.post(
                self.address(instance) + "/pool/provision",
                json=dict(wanted),
                headers={"Authorization": f"Bearer {api_key}"},
                timeout=PROVISION_TIMEOUT,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise AgentError(f"{name}: no answer ({type(error).__name__})", refused=False) from None
        if answer.status_code != requests.codes.ok:
            refused = answer.status_code < requests.codes.server_error or answer.status_code == 503
            in_use = answer.status_code == requests.codes.conflict
            raise AgentError(f"{name}: HTTP {answer.status_code}{_reason(answer)}", refused=refused, in_use=in_use)
        try:
            body: Any = answer.json()
            return Conversation(str(body["conversationId"]), str(body["inviteUrl"]), bool(body["joined"]))
        except (ValueError, KeyError, TypeError):
            raise AgentError(f"{name}: an answer that names no conversation", refused=False) from None


def _reason(answer: requests.Response) -> str:
    try:
        return f" ({str(answer.json()['error'])[:200]})"
    except (ValueError, KeyError, TypeError):
        return ""
