"""Finds the workspace in which a project is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from railway_api.token import reach

if TYPE_CHECKING:
    from convos_infra.railway.session import Session


def workspace_id(session: Session, props: Mapping[str, Any]) -> str:
    """Return the id of the workspace that the properties name, or of the only one that the token sees.

    Raises:
        InfraError: there is no such workspace, or more than one to choose from; or the token is of a project.
    """
    wanted = props.get("workspace") or ""
    found = reach(session.client)
    if found.project_id:
        step = "use an account or workspace token, or the name of the project that it is of"
        raise InfraError("railwayToken", "a project token makes no projects", step)
    names = ", ".join(row["name"] for row in found.workspaces)
    if wanted:
        for row in found.workspaces:
            if wanted in (row["id"], row["name"]):
                return str(row["id"])
        raise InfraError("workspace", f"the token sees no workspace {wanted!r}", f"it sees: {names}")
    if len(found.workspaces) != 1:
        raise InfraError("workspace", f"the token sees {len(found.workspaces)} workspaces", f"set one of: {names}")
    return str(found.workspaces[0]["id"])
