"""What Railway's CLI asks of an account before it does anything; here there is one account, with nothing of its own."""

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
    """Return the workspaces of others that share projects: none."""
    return []


@query.field("projectFavorites")
def project_favorites(_: object, info: Info, **_of: Any) -> list[str]:
    """Return the ids of the projects with a star: none."""
    return []


@query.field("twoFactorInfo")
def two_factor_info(_: object, info: Info) -> View:
    """Say that no second factor is asked for before something is deleted (fact: two-factor-of-tokens)."""
    return {"isVerified": False, "hasRecoveryCodes": False}


@mutation.field("cliEventTrack")
def cli_event_track(_: object, info: Info, input: View) -> bool:
    """Take a report of the CLI about itself, and forget it."""
    return True
