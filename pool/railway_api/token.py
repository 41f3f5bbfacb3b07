"""Finds the kind of a token and what it can reach, and reports a token of the wrong kind.

Railway says "Not Authorized" to a wrong token, to a revoked one, and to a valid one of the wrong kind
(railwayapp/cli#575, #617, #947). Only sending it as the other kind distinguishes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from railway_api import documents
from railway_api.errors import NotAuthorized, RailwayError

if TYPE_CHECKING:
    from railway_api.client import Client


@dataclass(frozen=True)
class Reach:
    """What a token can reach.

    Attributes:
        workspaces: `id` and `name` of each, for an account or workspace token.
        project_id, environment_id: those of a project token; otherwise empty.
    """

    workspaces: tuple[Mapping[str, Any], ...] = ()
    project_id: str = ""
    environment_id: str = ""


def reach(client: Client, *, subject: str = "railwayToken") -> Reach:
    """Return what the client's token can reach; Railway is asked once in the client's life.

    Args:
        client: the client with the token.
        subject: the subject of the error if the read fails.

    Raises:
        NotAuthorized: the token is wrong, revoked, or of the other kind; the text says which.
        RailwayError: Railway could not be asked, which says nothing about the token.
    """
    return client.memoize("reach", lambda: _reach(client, subject))


def _reach(client: Client, subject: str) -> Reach:
    ask, other = (_of_project, _of_account) if client.is_project_token else (_of_account, _of_project)
    try:
        return ask(client, subject)
    except NotAuthorized as error:
        raise _explained(client, error, _tried(other, client.as_other_kind(), subject)) from error


def _of_account(client: Client, subject: str) -> Reach:
    answer = client.query(documents.WORKSPACES, {}, subject=subject).get("apiToken") or {}
    workspaces = tuple(answer.get("workspaces") or ())
    if not workspaces:
        raise NotAuthorized("railwayToken", "the token sees no workspace", "use an account or workspace token")
    return Reach(workspaces=workspaces)


def _of_project(client: Client, subject: str) -> Reach:
    answer = client.query(documents.PROJECT_TOKEN, {}, subject=subject).get("projectToken") or {}
    return Reach(
        project_id=str(answer.get("projectId") or ""),
        environment_id=str(answer.get("environmentId") or ""),
    )


def _tried(ask: Any, client: Client, subject: str) -> Reach | None:
    try:
        found: Reach = ask(client, subject)
    except RailwayError:
        return None
    return found


def _explained(client: Client, error: NotAuthorized, other: Reach | None) -> NotAuthorized:
    said = f'Railway says "{error.message or "Not Authorized"}" to '
    if client.is_project_token:
        what = "this project token: it is wrong or revoked"
        step = "make another one in the project's settings, and set it as RAILWAY_TOKEN"
        if other is not None:
            what, step = "it as a project token: this is an account or workspace token", "set it as RAILWAY_API_TOKEN"
    else:
        what = "workspace operations: the token is wrong or revoked"
        step = "use an account or workspace token (railway.com/account/tokens)"
        if other is not None:
            what = (
                f"workspace operations: this is a project token (of project {other.project_id}, "
                f"environment {other.environment_id})"
            )
    return NotAuthorized("railwayToken", said + what, step, message=error.message)
