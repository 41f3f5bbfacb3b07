"""Reads one secret variable from a service's stored configuration. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from convos_infra.railway.environment_config import live_variables

_REFERENCE = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)
_URL_PART = re.compile(r"[A-Za-z0-9._~-]+")
"""RFC 3986's unreserved characters."""


class SecretState(Enum):
    """How a secret is stored."""

    ABSENT = "absent"
    READABLE = "readable"
    SEALED = "sealed"
    REFERENCE = "reference"
    NOT_FOR_URLS = "not for URLs"


@dataclass(frozen=True)
class StoredSecret:
    """One secret variable of a service.

    Attributes:
        finding: how it is stored.
        value: the secret; empty unless it is readable.
    """

    finding: SecretState
    value: str = field(default="", repr=False)


def stored_secret(service: Mapping[str, Any] | None, variable: str, *, url_part: bool) -> StoredSecret:
    """Return how a secret is stored in a service's part of an environment's config.

    Args:
        service: that part, or None if the service has no instance in the environment.
        variable: its name.
        url_part: whether it is put into a URL without encoding.
    """
    values = live_variables(service or {})
    if variable not in values:
        return StoredSecret(SecretState.ABSENT)
    return of_value(values[variable], url_part=url_part)


def of_value(value: str | None, *, url_part: bool) -> StoredSecret:
    """Return how a value is stored; None stands for a value that Railway does not show."""
    if value is None:
        return StoredSecret(SecretState.SEALED)
    if not value:
        # An empty value never kept anything secret, so nothing is lost with it.
        return StoredSecret(SecretState.ABSENT)
    if _REFERENCE.search(value):
        return StoredSecret(SecretState.REFERENCE)
    if url_part and not _URL_PART.fullmatch(value):
        return StoredSecret(SecretState.NOT_FOR_URLS)
    return StoredSecret(SecretState.READABLE, value)
