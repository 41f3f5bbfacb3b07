"""The login with which Railway pulls a private image; it never shows the password again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.railway_service import PullLogin

if TYPE_CHECKING:
    from pool_contract import agent_settings


def login_of(login: agent_settings.RegistryLogin | None) -> PullLogin | None:
    """Return a login as the parts of a service have it."""
    return None if login is None else PullLogin(login.username, login.password)
