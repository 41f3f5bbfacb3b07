"""Proof that a project or an environment does not exist any more.

"Not Authorized" is none: a wrong token and a token of another workspace get the same answer
(fact: not-authorized-is-ambiguous). A list that does not have a thing is one only where whoever asks would see it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from convos_infra.railway.listing import list_projects, nodes, read_project
from railway_api.errors import RailwayError
from railway_api.token import reach

if TYPE_CHECKING:
    from railway_api.client import Client


def environment_is_gone(client: Client, project_id: str, environment_id: str, thing: str) -> bool:
    """Tell whether it is proved that an environment which could not be read does not exist any more.

    Raises:
        InfraError: no project that the token sees is the environment's, not even a deleted one.
    """
    try:
        project = read_project(client, project_id, thing=thing)
    except RailwayError:
        try:
            return project_is_gone(client, project_id, thing)
        except RailwayError:
            return False
    if project.get("deletedAt"):
        return True
    # A project token is of one environment: what it lists need not be all that there is.
    if client.is_project_token:
        return False
    listed = nodes(project.get("environments"))
    # An empty list proves nothing: it is what a broken read looks like.
    alive = {row["id"] for row in listed if not row.get("deletedAt")}
    return bool(listed) and environment_id not in alive


def project_is_gone(client: Client, project_id: str, thing: str) -> bool:
    """Tell whether it is proved that a project was deleted: its workspace says so (fact: deleted-project-is-listed).

    Raises:
        InfraError: no workspace of the token lists it, not even as deleted, so that it may live in another one.
        RailwayError: one of the lists could not be read.
    """
    for row in list_projects(client, thing=thing, deleted=True):
        if row["id"] == project_id:
            return bool(row.get("deletedAt"))
    names = ", ".join(str(row.get("name") or row["id"]) for row in reach(client, thing=thing).workspaces)
    problem = f"the token does not see project {project_id}: workspace {names} does not list it, not even as deleted"
    step = "use a token of the workspace that it is in; if it is gone for good, pulumi stack rm --force forgets it"
    raise InfraError(thing, problem if names else f"the token is of another project than {project_id}", step)
