"""What is made in an account of OpenRouter or AgentMail: the base of `OpenRouterKey` and `AgentMailInbox`.

The name of a thing in its account says for which environment it is, so that a run finds what an earlier run made and
could not record. The account's key is an input, encrypted in the state, so that a destroy has it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pulumi
from pulumi.dynamic import CheckFailure, DiffResult, ReadResult

from agent_accounts.provider_http import Provider as Account
from agent_accounts.provider_http import ProviderError
from convos_infra.errors import InfraError
from convos_infra.provider import Props, Provider, is_unknown

HOST_IN_CONTAINERS, LOOPBACK = "host.docker.internal", "127.0.0.1"
ATTEMPTS = 3
PAUSE_SECONDS = 2.0
_REFUSED = (401, 403)
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class AccountArgs:
    """Where something is made.

    Attributes:
        name: what it is called in its account, the same in each run and different in each environment.
        url: where the account's API answers.
        key: opens the account.
    """

    name: pulumi.Input[str]
    url: pulumi.Input[str]
    key: pulumi.Input[str] = field(repr=False)

    def properties(self) -> dict[str, Any]:
        """Return the inputs under the names that they have in the state."""
        return {"name": self.name, "url": self.url, "accountKey": pulumi.Output.secret(self.key)}


class AccountProvider(Provider):
    """What the two providers share.

    Attributes:
        service: the account's service, for people.
        key_name: the key of the config that opens the account.
        kept: the outputs that only a creation knows.
        updates: the inputs that a living thing takes up, beside the account's key.
        replaces: the inputs that are another thing.
        deletes_first: whether the old thing has to go before another one is made.
    """

    service: str
    key_name: str
    kept: tuple[str, ...]
    updates: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ("name", "url")
    deletes_first: bool = False

    def there(self, account: Account, id_: str) -> bool:
        """Say whether a thing is in its account; raises ProviderError."""
        raise NotImplementedError

    def remove(self, account: Account, id_: str) -> None:
        """Delete a thing; one that is gone is well; raises ProviderError."""
        raise NotImplementedError

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Take nothing for an input that is made."""
        del olds
        return {name: value for name, value in news.items() if name not in self.kept}, []

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """Compare the inputs; a newer key of the account is taken up without a question to it."""
        del id_

        def differs(name: str) -> bool:
            return is_unknown(news.get(name)) or (olds.get(name) or "") != (news.get(name) or "")

        other = [name for name in self.replaces if differs(name)]
        changes = bool(other) or any(differs(name) for name in ("accountKey", *self.updates))
        return DiffResult(changes, other, stables=[], delete_before_replace=self.deletes_first and bool(other))

    def current(self, id_: str, props: Props) -> ReadResult:
        """See whether it is there; the inputs stay as they are."""
        there = self.asked(props, lambda account: self.there(account, id_))
        return ReadResult(id_, props) if there else ReadResult("", {})

    def deleted(self, id_: str, props: Props) -> None:
        """Delete it."""
        self.asked(props, lambda account: self.remove(account, id_))

    def asked(self, props: Mapping[str, Any], ask: Callable[[Account], _Answer]) -> _Answer:
        """Ask the account; what may work later is tried some times.

        Args:
            props: where the account is, and its key.
            ask: does it; repeating it must do no harm.

        Raises:
            InfraError: the account refuses, or does not answer.
        """
        key = str(props.get("accountKey") or "")
        if not key:
            raise InfraError(str(props["name"]), f"{self.service}: its account's key is not in the state", _step(self))
        try:
            return self._tried(props, key, ask)
        except ProviderError as error:
            step = _step(self) if error.status in _REFUSED else "run the command again"
            raise InfraError(str(props["name"]), str(error), step) from None

    def _tried(self, props: Mapping[str, Any], key: str, ask: Callable[[Account], _Answer]) -> _Answer:
        account = Account(self.service, reachable(str(props["url"])), key)
        for attempt in range(1, ATTEMPTS):
            try:
                return ask(account)
            except ProviderError as error:
                if not error.may_work_later:
                    raise
                time.sleep(PAUSE_SECONDS * attempt)
        return ask(account)


def reachable(url: str) -> str:
    """Return where an API of this machine answers, given its URL as a container has it.

    The pool manager runs in a container, where `host.docker.internal` is the machine that runs it. The program runs on
    that machine, which need not know the name.
    """
    parts = urlsplit(url)
    if parts.hostname != HOST_IN_CONTAINERS:
        return url
    try:
        socket.getaddrinfo(parts.hostname, parts.port)
    except socket.gaierror:
        return parts._replace(netloc=parts.netloc.replace(HOST_IN_CONTAINERS, LOOPBACK)).geturl()
    return url


def _step(provider: AccountProvider) -> str:
    # Pulumi gives a refresh and a destroy the config of the last update, so the config has no newer key for them.
    return (
        f"set keys.{provider.key_name} and run pulumi up: a refresh and a destroy use the key of the last update;"
        f" or delete it at {provider.service} and run pulumi state delete"
    )
