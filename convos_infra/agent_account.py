"""The base of `OpenRouterKey` and `AgentMailInbox`: things that are created in an account.

The name of a thing in its account tells its environment, so that a run finds what an earlier run created but could
not record. The account's key is an input, encrypted in the state, so that a destroy has it.
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
    """The place in which something is created.

    Attributes:
        name: its name in the account, the same in each run and different in each environment.
        url: the URL of the account's API.
        key: the key of the account.
    """

    name: pulumi.Input[str]
    url: pulumi.Input[str]
    key: pulumi.Input[str] = field(repr=False)

    def properties(self) -> dict[str, Any]:
        """Return the inputs under the names that they have in the state."""
        return {"name": self.name, "url": self.url, "accountKey": pulumi.Output.secret(self.key)}


class AccountProvider(Provider):
    """The common part of the two providers.

    Attributes:
        service: the account's service, for people.
        key_name: the key of the config that holds the account's key.
        kept: the outputs that only a creation returns.
        updates: the inputs that are changed in place, beside the account's key.
        replaces: the inputs that need a replacement.
        deletes_first: whether the old thing has to be deleted before its replacement is created.
    """

    service: str
    key_name: str
    kept: tuple[str, ...]
    updates: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ("name", "url")
    deletes_first: bool = False

    def there(self, account: Account, id_: str) -> bool:
        """Tell whether a thing exists in its account; raise ProviderError if that fails."""
        raise NotImplementedError

    def remove(self, account: Account, id_: str) -> None:
        """Delete a thing, which may be gone already; raise ProviderError if that fails."""
        raise NotImplementedError

    def checked(self, olds: Props, news: Props) -> tuple[Props, list[CheckFailure]]:
        """Accept every input: the program makes them."""
        del olds
        return {name: value for name, value in news.items() if name not in self.kept}, []

    def changed(self, id_: str, olds: Props, news: Props) -> DiffResult:
        """Compare the inputs; a newer key of the account is recorded without a request to the account."""
        del id_

        def differs(name: str) -> bool:
            return is_unknown(news.get(name)) or (olds.get(name) or "") != (news.get(name) or "")

        other = [name for name in self.replaces if differs(name)]
        changes = bool(other) or any(differs(name) for name in ("accountKey", *self.updates))
        return DiffResult(changes, other, stables=[], delete_before_replace=self.deletes_first and bool(other))

    def current(self, id_: str, props: Props) -> ReadResult:
        """Check that it exists; the inputs are kept."""
        there = self.asked(props, lambda account: self.there(account, id_))
        return ReadResult(id_, props) if there else ReadResult("", {})

    def deleted(self, id_: str, props: Props) -> None:
        """Delete it."""
        self.asked(props, lambda account: self.remove(account, id_))

    def asked(self, props: Mapping[str, Any], ask: Callable[[Account], _Answer]) -> _Answer:
        """Send a request to the account; retry if it may work later.

        Args:
            props: the URL and the key of the account.
            ask: sends the request, which must be safe to repeat.

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
    """Return the URL of an API on this machine, given its URL inside a container.

    The pool manager runs in a container, where `host.docker.internal` is the machine that runs it. The program runs on
    that machine, where the name may be unknown.
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
    # Pulumi gives a refresh and a destroy the config of the last update, so they cannot get a newer key from it.
    return (
        f"set keys.{provider.key_name} and run pulumi up: a refresh and a destroy use the key of the last update;"
        f" or delete it at {provider.service} and run pulumi state delete"
    )
