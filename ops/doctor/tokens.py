"""What Railway says of the tokens that a stack needs: which kind they are, and what they reach.

Railway's API shows no date at which a token expires; a token that was revoked is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from ops.status import reading
from ops.status.finding import FindingKind
from railway_api.token import reach

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ops.status.railway_now import RailwayNow
    from ops.status.recorded import Recorded
    from railway_api.client import Client

NO_END = "Railway shows no expiry"


def own_token(client: Client, environ: Mapping[str, str]) -> str:
    """Return kind and reach of the token that updates use.

    Raises:
        RailwayError: it is wrong, revoked or of another kind, or Railway does not answer.
    """
    name = "RAILWAY_API_TOKEN" if environ.get("RAILWAY_API_TOKEN") else "RAILWAY_TOKEN"
    found = reach(client, subject=name)
    if client.is_project_token:
        # Projects and tokens are made by workspace tokens alone.
        where = f"project {found.project_id}, environment {found.environment_id}"
        return f"{name}: a project token of {where}, {NO_END}; it can make no project, environment or token"
    names = ", ".join(str(row.get("name") or row.get("id")) for row in found.workspaces)
    left = client.allowance
    calls = f"; {left.remaining} calls of this hour are left" if left is not None else ""
    return f"{name}: an account or workspace token, reaches {names}, {NO_END}{calls}"


def project_tokens(state: Recorded, railway: RailwayNow, client: Client) -> str:
    """Return whether the project tokens that the stack made, one for its pool manager, are still there.

    Raises:
        InfraError: one is gone.
    """
    made = [str(row.values["name"]) for row in state.of("ProjectToken")]
    if not made:
        return "none made by this stack: the pool manager has a token that was given (poolRailwayToken) or kept"
    found = reading.tokens(state, railway, client)
    gone = [one.subject for one in found if one.kind is FindingKind.TOKEN_GONE]
    if gone:
        step = (
            "pulumi refresh --stack …, then pulumi up --stack … makes another one (one deployment of the pool manager)"
        )
        raise InfraError("project token", f"{', '.join(gone)} is not there any more", step)
    if found:
        return f"{', '.join(made)}: made by this stack; this token may not read the list, so it was not compared"
    return f"{', '.join(made)}: made by this stack, and listed by Railway, {NO_END}"
