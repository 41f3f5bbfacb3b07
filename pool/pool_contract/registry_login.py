"""The login with which Railway pulls a private image from its registry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

_Text_co = TypeVar("_Text_co", covariant=True)


@dataclass(frozen=True)
class RegistryLogin(Generic[_Text_co]):
    """A user and a password: strings, or in the Pulumi program values that are known only when it runs."""

    username: _Text_co
    password: _Text_co = field(repr=False)
