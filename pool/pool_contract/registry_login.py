"""The login to the registry of a private image; Railway never shows its password."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

_Text_co = TypeVar("_Text_co", covariant=True)


@dataclass(frozen=True)
class RegistryLogin(Generic[_Text_co]):
    """A user and a password: texts, or in a program values that become texts when it runs."""

    username: _Text_co
    password: _Text_co = field(repr=False)
