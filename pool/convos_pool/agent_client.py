"""HTTP requests to agents: their health checks, and the provisioning of a claimed one. Models validate the answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictStr, ValidationError

from pool_contract.join_link import invite_link_problem
from railway_api.printable import escaped

from . import agent_http
from .agents import agent_id
from .errors import AgentError
from .health_rounds import HealthRounds
from .readiness import Readiness

if TYPE_CHECKING:
    from .agent_keys import AgentKeys
    from .railway import Instance

READY_SECONDS = 5.0
"""The deadline, in seconds, of a health check."""
PROVISION_SECONDS = 60.0
"""The deadline, in seconds, of an attempt to provision: the agent may have to join a conversation."""
LONGEST_REASON = 200
OK, BAD_REQUEST, UNAUTHORIZED, CONFLICT, SERVER_ERROR, UNAVAILABLE = 200, 400, 401, 409, 500, 503


def _printable_only(text: str) -> str:
    if not text.isprintable():
        raise ValueError("unprintable")
    return text


def _is_link(text: str) -> str:
    if invite_link_problem(text):
        raise ValueError("not a link")
    return text


class Conversation(BaseModel):
    """An agent's answer to its provisioning."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, hide_input_in_errors=True)

    id: Annotated[
        StrictStr, Field(alias="conversationId", min_length=1, max_length=200), AfterValidator(_printable_only)
    ]
    invite_url: Annotated[StrictStr, Field(alias="inviteUrl", max_length=2000), AfterValidator(_is_link)]
    joined: StrictBool


class _Readiness(BaseModel):
    ready: StrictBool


class _Refusal(BaseModel):
    error: StrictStr


class AgentClient:
    """A client of all agents.

    Args:
        url: the URL of an agent, with `{domain}`, `{name}` or `{id}`.
        keys: the agents' bearer keys.
        readiness_path: the path that answers `{"ready": true}`.
    """

    def __init__(self, url: str, keys: AgentKeys, readiness_path: str) -> None:
        self._url = url
        self._keys = keys
        self._readiness_path = readiness_path
        self._rounds = HealthRounds(lambda one: self.readiness(one, keys.key_for(one)))

    def address(self, instance: Instance) -> str:
        """Return an agent's URL."""
        return self._url.format(domain=instance.domain, name=instance.name, id=agent_id(instance.name) or "").rstrip(
            "/"
        )

    def readiness(self, instance: Instance, key: str) -> Readiness:
        """Ask an agent whether it is ready."""
        if "{domain}" in self._url and not instance.domain:
            return Readiness.SILENT
        url = self.address(instance) + self._readiness_path
        try:
            answer = agent_http.send(agent_http.Request("GET", url, key, seconds=READY_SECONDS))
        except agent_http.UnusableAnswerError as error:
            return Readiness.NONSENSE if error.is_nonsense else Readiness.SILENT
        if answer.status == UNAUTHORIZED:
            return Readiness.UNAUTHORIZED
        if answer.status != OK:
            return Readiness.NOT_READY
        try:
            found = _Readiness.model_validate_json(answer.body)
        except ValidationError:
            return Readiness.NONSENSE
        return Readiness.READY if found.ready else Readiness.NOT_READY

    def is_ready(self, instance: Instance, variables: Mapping[str, str]) -> bool:
        """Ask one agent whether it is ready, given the variables of its service; one that does not answer is not."""
        return self.readiness(instance, self._keys.key_of(instance, variables)) is Readiness.READY

    def which_are_ready(self, instances: Iterable[Instance]) -> frozenset[str]:
        """Ask many agents at once, and return the service ids of the ready ones."""
        asked = {one.service_id: one for one in instances}
        found = self._rounds.ask(asked)
        refused = {id_: asked[id_] for id_, said in found.items() if said is Readiness.UNAUTHORIZED}
        again = self._keys.learn(refused) if refused else frozenset()
        found |= self._rounds.ask({id_: asked[id_] for id_ in again})
        return frozenset(id_ for id_, said in found.items() if said is Readiness.READY)

    def problem(self, instance: Instance) -> str:
        """Return what is wrong with an agent's last answer; empty if it was valid, or if there is none yet."""
        said = self._rounds.said(instance)
        if said is None or said is Readiness.READY:
            return ""
        # While an agent starts, silence and "not ready" are normal; after it has been ready, they are a problem.
        is_wrong = said in {Readiness.NONSENSE, Readiness.UNAUTHORIZED} or self._rounds.was_ready(instance)
        return f"unhealthy: {said.value}" if is_wrong else ""

    def forget_all_but(self, instances: Iterable[Instance]) -> None:
        """Forget the answers of all other agents, which no longer exist."""
        self._rounds.forget(frozenset(one.place for one in instances))

    def provision(
        self, instance: Instance, wanted: Mapping[str, str], variables: Mapping[str, str], *, tries: int = 2
    ) -> Conversation:
        """Send an agent its name, its instructions and its invitation.

        If the request is repeated unchanged, a runtime that remembers it returns the same conversation; others refuse.

        Args:
            instance: the agent.
            wanted: the body of the request.
            variables: the variables of its service, which contain its key.
            tries: the most attempts while the outcome is unknown.

        Raises:
            AgentError: it refused, or its answer was unusable.
        """
        for number in range(1, tries + 1):
            try:
                return self._provision(instance, wanted, self._keys.key_of(instance, variables))
            except AgentError as error:
                if error.in_use and number > 1:
                    # Most likely, this is the conversation of the previous attempt, whose answer was lost.
                    raise AgentError(str(error), refused=False, in_use=True) from None
                if error.refused or number == tries:
                    raise
        raise AssertionError

    def _provision(self, instance: Instance, wanted: Mapping[str, str], key: str) -> Conversation:
        name, url = escaped(instance.name), self.address(instance) + "/pool/provision"
        body = json.dumps({field: value for field, value in wanted.items() if value}).encode()
        try:
            answer = agent_http.send(agent_http.Request("POST", url, key, body, PROVISION_SECONDS))
        except agent_http.UnusableAnswerError as error:
            raise AgentError(f"{name}: no answer ({error})", refused=False) from None
        if answer.status != OK:
            # Only these statuses mean that nothing was done: after 202 or a redirect there may be a conversation.
            refused = BAD_REQUEST <= answer.status < SERVER_ERROR or answer.status == UNAVAILABLE
            problem = f"{name}: HTTP {answer.status}{_reason(answer.body)}"
            raise AgentError(problem, refused=refused, in_use=answer.status == CONFLICT)
        try:
            return Conversation.model_validate_json(answer.body)
        except ValidationError:
            raise AgentError(f"{name}: the answer does not name a conversation", refused=False) from None


def _reason(body: bytes) -> str:
    try:
        return f" ({escaped(_Refusal.model_validate_json(body).error[:LONGEST_REASON])})"
    except ValidationError:
        return ""
