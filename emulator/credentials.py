"""Authentication: the caller of a request, by its account token or project token."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from emulator import execution
from emulator.api.request import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.request import World


class Credentials:
    """The tokens that an emulator knows.

    Args:
        world: the emulator, with its project tokens and the tokens in its settings.
        token: the account token.
    """

    def __init__(self, world: World, token: str) -> None:
        self._world = world
        self._token = token

    def caller(self, headers: Mapping[str, str]) -> Request | execution.Answer:
        """Return the caller, or the refusal of a wrong or missing credential.

        Args:
            headers: by their names in lower case.
        """
        project_token = headers.get("project-access-token", "").strip()
        if project_token:
            for row in self._world.store.all("project_token"):
                if hmac.compare_digest(row["token"].encode(), project_token.encode()):
                    return Request(self._world, row)
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token.encode()):
            return Request(self._world, None)
        if scheme.lower() == "bearer" and self._is_of_another_user(given.strip()):
            return Request(self._world, None, user=given.strip())
        other = self._world.settings.current.other_workspace_token
        if scheme.lower() == "bearer" and other and hmac.compare_digest(given.strip().encode(), other.encode()):
            return Request(self._world, None, is_foreign=True)
        # A wrong token and a missing one have different codes (fact: unauthenticated).
        code = "INTERNAL_SERVER_ERROR" if given.strip() or project_token else "UNAUTHENTICATED"
        return execution.refused("Not Authorized", code)

    def _is_of_another_user(self, given: str) -> bool:
        known = [token.strip() for token in self._world.settings.current.further_tokens.split(",")]
        return any(token and hmac.compare_digest(given.encode(), token.encode()) for token in known)


def credential(headers: Mapping[str, str]) -> str:
    """Return the header by which the rate limits count a request; empty if it has no credential."""
    return headers.get("authorization") or headers.get("project-access-token") or ""
