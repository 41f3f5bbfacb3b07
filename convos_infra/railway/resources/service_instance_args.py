"""The inputs of a `ServiceInstance`, and the rules that Railway would enforce only after something was changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

from pulumi.dynamic import CheckFailure

from convos_infra.provider import Props, has_unknown, is_unknown
from convos_infra.railway import attribute, rules
from convos_infra.railway.bound import BOUND, Bound
from convos_infra.railway.environment_config import BY_NAME, SEALED, VARIABLES
from convos_infra.railway.resources.properties import id_failures, variable_failures
from convos_infra.railway.resources.service_at import ServiceAt
from convos_infra.railway.service_configuration import ATTRIBUTES, CONFIGURED, KEPT, ServiceConfiguration

PARENT = ("projectId", "environmentId", "serviceId")
INPUTS = (*PARENT, "service", *CONFIGURED, BOUND)
"""The inputs that a program may set."""


@dataclass(frozen=True, kw_only=True)
class ServiceInstanceArgs(ServiceConfiguration):
    """The inputs of a `ServiceInstance`: its configuration, as `ServiceConfiguration` describes it, and its place.

    Attributes:
        at: which service instance.
        bound: the volumes, proxies and domains of the service; a new or newly mounted one needs a deployment.
    """

    at: ServiceAt
    bound: Bound | None = None

    @classmethod
    def of(cls, configuration: ServiceConfiguration, at: ServiceAt, bound: Bound | None = None) -> ServiceInstanceArgs:
        """Return the inputs of a service from its configuration and its place."""
        given = {item.name: getattr(configuration, item.name) for item in fields(ServiceConfiguration)}
        return cls(at=at, bound=bound, **given)

    def properties(self) -> dict[str, Any]:
        """Return the inputs under the names that they have on Railway and in the state."""
        bound = (self.bound.properties() if self.bound is not None else None) or None
        return {**self.at.properties(), **self.configured(), BOUND: bound}


def forgotten(olds: Props, news: Props) -> Props:
    """Return the recorded properties without the names that the new inputs leave to Railway (`kept`).

    A name that is not recorded is not removed on Railway.
    """
    kept = news.get(KEPT) or ()
    if not olds or not kept or has_unknown(kept):
        return olds
    left = {key: value for key, value in olds.items() if key not in kept or key not in BY_NAME}
    variables = {name: value for name, value in (olds.get(VARIABLES) or {}).items() if name not in kept}
    sealed = [name for name in olds.get(SEALED) or () if name not in kept]
    return {**left, VARIABLES: variables, **({SEALED: sealed} if olds.get(SEALED) else {})}


def failures(news: Props) -> list[CheckFailure]:
    """Check every property; unknown values pass."""
    found = id_failures(news, "projectId", "environmentId", "serviceId")
    found += variable_failures(VARIABLES, news.get(VARIABLES))
    found += attribute.failures(ATTRIBUTES, news)
    found += _failures_together(news)
    names = set(news.get(VARIABLES) or {})
    found += [
        CheckFailure(SEALED, f"{name} is not a variable of this service")
        for name in news.get(SEALED) or ()
        if name not in names
    ]
    if news.get("unmanagedVariables") not in ("keep", "remove"):
        found.append(CheckFailure("unmanagedVariables", "must be keep or remove"))
    return found


def sealing_failures(olds: Props, news: Props) -> list[CheckFailure]:
    """Refuse to unseal a variable, which Railway does not support (docs.railway.com/variables)."""
    left = set(olds.get(SEALED) or ()) - set(news.get(SEALED) or ())
    kept = sorted(left & set(news.get(VARIABLES) or {}))
    return [
        CheckFailure(
            SEALED, f"{name} is sealed, and Railway unseals none: remove the variable, update, and add it again"
        )
        for name in kept
    ]


def unknown_failures(news: Props, added: Collection[str]) -> list[CheckFailure]:
    """Refuse an unknown property, which would silently change nothing on Railway.

    Args:
        news: the inputs.
        added: the properties that the resource itself adds to them.
    """
    known = {*INPUTS, *added}
    return [
        CheckFailure(name, f"a service instance has no such property{_meant(name, known)}")
        for name in sorted(set(news) - known)
    ]


def _meant(name: str, known: Collection[str]) -> str:
    close = get_close_matches(attribute.camel(name), known, n=1, cutoff=0.8)
    return f"; is it {close[0]}?" if close else ""


def _failures_together(news: Props) -> list[CheckFailure]:
    """Check combinations of two attributes."""
    found = []
    build, start = _known(news, "buildCommand"), _known(news, "startCommand")
    if build and build == start:
        found.append(CheckFailure("buildCommand", "must not be the startCommand"))
    regions = _known(news, "multiRegionConfig")
    if isinstance(regions, Mapping) and not has_unknown(regions):
        total = sum(rules.replicas_of(settings) or 0 for settings in regions.values())
        if total > 1 and _known(news, "cronSchedule"):
            found.append(CheckFailure("cronSchedule", "a cron service has one replica"))
        if total > 1 and _known(news, "requiredMountPath"):
            found.append(CheckFailure("requiredMountPath", "a service with a volume has one replica"))
    return found


def _known(news: Props, key: str) -> Any:
    value = news.get(key)
    return None if is_unknown(value) else value
