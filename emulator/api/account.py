"""Queries about the account that Railway's CLI sends before it does anything; the emulator's one account is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ariadne import MutationType, QueryType

if TYPE_CHECKING:
    from emulator.api.request import Info
    from emulator.api.views import View

query = QueryType()
mutation = MutationType()


@query.field("externalWorkspaces")
def external_workspaces(_: object, info: Info, projectId: str | None = None) -> list[View]:
    """Return the other workspaces that share projects with the user: none."""
    return []


@query.field("projectFavorites")
def project_favorites(_: object, info: Info, **_of: Any) -> list[str]:
    """Return the ids of the user's favourite projects: none."""
    return []


@query.field("twoFactorInfo")
def two_factor_info(_: object, info: Info) -> View:
    """Return that no second factor is needed to delete something (fact: two-factor-of-tokens)."""
    return {"isVerified": False, "hasRecoveryCodes": False}


@mutation.field("cliEventTrack")
def cli_event_track(_: object, info: Info, input: View) -> bool:
    """Accept the CLI's usage report; nothing is stored."""
    return True
