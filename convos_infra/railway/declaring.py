"""Collects what the resources of one program declare about an environment while Pulumi checks them one by one.

The same update may create the target of a reference. The engine checks a resource after those that it depends on, in
one provider process: what a service refers to has been checked before the service, or is checked later.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from convos_infra.provider import is_unknown
from convos_infra.railway.change import REMOVES
from convos_infra.railway.environment_config import VARIABLES, live_variables
from convos_infra.railway.referable import Declarations, Declared
from convos_infra.railway.references import SOMETHING, Value

NOT_MADE_YET = ""
"""The key of an environment whose id is not known yet: a program has one at a time."""


def environment_key(props: Mapping[str, Any]) -> str:
    """Return the environment that properties name."""
    id_ = props.get("environmentId")
    return NOT_MADE_YET if is_unknown(id_) or not id_ else str(id_)


class Declaring:
    """Collects declarations, and the questions that cannot be answered until a service has been checked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._declarations: dict[str, Declarations] = {}
        self._common: dict[str, Value] = {}
        self._waiting: dict[tuple[str, str], frozenset[str]] = {}
        self._asking: dict[tuple[str, str], dict[str, frozenset[str]]] = {}

    def of(self, key: str) -> Declarations:
        """Return what has been declared about an environment so far."""
        with self._lock:
            return replace(self._declarations.get(key, Declarations()), common=dict(self._common))

    def renames(self, olds: Mapping[str, Any], news: Mapping[str, Any], variable: str) -> None:
        """Remember the new name of the project or the environment, which a program has one of.

        Args:
            olds: the inputs in the state; empty for a new one.
            news: the new inputs.
            variable: under which Railway gives every service that name.
        """
        if olds and olds.get("name") != news.get("name") and isinstance(news.get("name"), str):
            with self._lock:
                self._common[variable] = str(news["name"])

    def service(self, key: str, name: str, **said: Any) -> None:
        """Remember what is declared about a service; `given` and `moves` are added to earlier declarations."""
        with self._lock:
            known = self._declarations.get(key, Declarations())
            row = known.services.get(name, Declared())
            for more, before in (("given", row.given), ("moves", row.moves)):
                if more in said:
                    said[more] = before | frozenset(said[more])
            self._declarations[key] = known.with_service(name, **said)

    def instance(self, olds: Mapping[str, Any], news: Mapping[str, Any], *, changes: bool) -> None:
        """Remember what a service's configuration sets and removes.

        Args:
            olds: the inputs in the state.
            news: the new inputs.
            changes: whether the update applies them; otherwise what others have removed since then stays removed.
        """
        variables = news.get(VARIABLES)
        if is_unknown(variables):
            return
        before = olds.get(VARIABLES) or {}
        gone = {*before, *(news.get(REMOVES) or ())} - set(variables or {})
        id_ = news.get("serviceId")
        said = {
            "variables": values(variables or {}) if changes else {},
            "removed": frozenset(gone),
            "moves": moved(before, variables or {}) | gone,
        }
        known: dict[str, Any] = {"is_new": True} if is_unknown(id_) else {"service_id": str(id_ or "")}
        self.service(environment_key(news), str(news["service"]), **said, **known)

    def failed(self, key: str, name: str) -> None:
        """Remember that a service's configuration failed, so that nothing waits for it."""
        self.service(key, name, variables={})

    def shared(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> None:
        """Remember the shared variables."""
        variables = news.get(VARIABLES)
        if not isinstance(variables, Mapping) or variables == olds.get(VARIABLES):
            return
        gone = frozenset(olds.get(VARIABLES) or {}) - frozenset(variables)
        key = environment_key(news)
        with self._lock:
            known = self._declarations.get(key, Declarations())
            self._declarations[key] = replace(
                known,
                shared={**known.shared, **values(variables)},
                unshared=(known.unshared | gone) - frozenset(variables),
                shared_moves=known.shared_moves | moved(olds.get(VARIABLES) or {}, variables) | gone,
            )

    def ask(self, key: str, about: str, asker: str, names: Sequence[str]) -> None:
        """Remember that variables of one service wait for what another one's configuration says."""
        with self._lock:
            self._asking.setdefault((key, about), {})[asker] = frozenset(names)

    def asked(self, key: str, about: str) -> dict[str, frozenset[str]]:
        """Return whose variables wait for what a service's configuration says, and forget it."""
        with self._lock:
            return self._asking.pop((key, about), {})

    def waits(self, key: str, service: str, others: Iterable[str]) -> bool:
        """Remember which services one waits for; tell whether it waits for itself, by way of them."""
        with self._lock:
            self._waiting[key, service] = frozenset(others)
            seen: set[str] = set()
            ahead = [*others]
            while ahead:
                name = ahead.pop()
                if name not in seen:
                    seen.add(name)
                    ahead += self._waiting.get((key, name), ())
            return service in seen

    def waits_no_more(self, key: str, service: str) -> None:
        """Forget which services one waited for."""
        with self._lock:
            self._waiting.pop((key, service), None)


def with_stored(
    olds: Mapping[str, Any], news: Mapping[str, Any], stored: Callable[[], Mapping[str, Any]]
) -> Mapping[str, Any]:
    """Return the inputs in the state, with the newly declared variables that Railway stores already.

    Args:
        olds: the inputs in the state.
        news: the new inputs.
        stored: returns the service's part of the environment's config; called only if a variable is newly declared. A
            sealed value counts as the declared one, as in a service that is taken over.
    """
    before, wanted = olds.get(VARIABLES) or {}, news.get(VARIABLES)
    if not olds or not isinstance(wanted, Mapping):
        return olds
    anew = [name for name in wanted if name not in before]
    if not anew:
        return olds
    live = live_variables(stored())
    there = {name: wanted[name] for name in anew if name in live and live[name] in (None, wanted[name])}
    return {**olds, VARIABLES: {**before, **there}}


def moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> frozenset[str]:
    """Return the variables that new inputs give another value; one that is not known yet counts."""
    return frozenset(name for name, value in after.items() if name not in before or before[name] != value)


def values(variables: Mapping[str, Any]) -> dict[str, Value]:
    """Return declared variables; one that is not known yet is there and cannot be read."""
    return {
        name: value if isinstance(value, str) and not is_unknown(value) else SOMETHING
        for name, value in variables.items()
    }
