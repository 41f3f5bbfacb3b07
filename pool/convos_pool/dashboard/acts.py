"""The actions of the dashboard's forms: operations of the API, with the result as a part of the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from convos_pool import http_request
from convos_pool.counted import counted
from convos_pool.errors import BadRequestError
from pool_contract import requests

from .invite import invite
from .markup import Markup, joined, tag

if TYPE_CHECKING:
    from convos_pool.routes import Routes

Fields = Mapping[str, str]
EMPTY = requests.EmptyRequest()


class Acts:
    """Every action of the dashboard, by the name in its form's URL.

    Args:
        routes: the operations of the API.
    """

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self.by_name: Mapping[str, Callable[[Fields], Markup]] = {
            "claim": self._claim,
            "add": self._add,
            "drain": self._drain,
            "kill": self._kill,
            "dismiss": self._dismiss,
            "redeploy": self._redeploy,
            "finish": self._finish,
            "abort": self._abort,
            "retry": self._retry,
        }

    def _claim(self, fields: Fields) -> Markup:
        given = {name: fields.get(name, "").replace("\r\n", "\n") for name in ("agentName", "instructions", "joinUrl")}
        found = self._routes.claim(http_request.parsed(requests.ClaimRequest, given), "")
        name = given["agentName"].strip()
        if found.joined:
            return done(f"{name} has joined the conversation, on agent {found.instanceId}.")
        return joined(
            done(f"{name} was launched on agent {found.instanceId}. Its invite:"),
            invite(found.inviteUrl),
        )

    def _add(self, fields: Fields) -> Markup:
        found = self._routes.replenish(_count(fields), "")
        later = f"; {found.creating} more will follow" if found.creating else ""
        return done(f"{counted(found.created or 0, 'agent was', 'agents were')} created{later}.")

    def _drain(self, fields: Fields) -> Markup:
        found = self._routes.drain(_count(fields), "")
        return done(f"{counted(found.drained, 'idle agent was', 'idle agents were')} deleted.")

    def _kill(self, fields: Fields) -> Markup:
        self._routes.kill(EMPTY, _agent(fields))
        return done(f"{_agent(fields)} was killed.")

    def _dismiss(self, fields: Fields) -> Markup:
        self._routes.dismiss(EMPTY, _agent(fields))
        return done(f"{_agent(fields)} was dismissed.")

    def _redeploy(self, fields: Fields) -> Markup:
        found = self._routes.redeploy(requests.RedeployRequest(), _agent(fields))
        return done(f"{found.instanceId} is being redeployed on {found.image}.")

    def _finish(self, fields: Fields) -> Markup:
        found = self._routes.finish(requests.FinishRequest(), _agent(fields))
        return joined(done(f"{found.instanceId} has a conversation."), invite(found.inviteUrl))

    def _abort(self, _: Fields) -> Markup:
        return done(f"The rollout was {self._routes.abort(EMPTY, '').text}.")

    def _retry(self, _: Fields) -> Markup:
        again = self._routes.retry(EMPTY, "").retrying
        return done("The rollout was started again." if again else "The rollout had not stopped.")


def done(words: str) -> Markup:
    """Return the result of an action."""
    return tag("p", words, class_="done")


def refused(words: str) -> Markup:
    """Return why an action was refused."""
    return tag("p", words, class_="problem", role="alert")


def _agent(fields: Fields) -> str:
    return http_request.checked_id(fields.get("agent", ""))


def _count(fields: Fields) -> requests.CountRequest:
    text = fields.get("count", "")
    if not text.isascii() or not text.isdigit() or len(text) > len("1000"):
        raise BadRequestError("count: must be a whole number from 1 to 1000")
    return http_request.parsed(requests.CountRequest, {"count": int(text)})
