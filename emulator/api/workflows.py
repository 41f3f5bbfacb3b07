"""Workflows, in which Railway continues its work after an answer; the emulator does the work before it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ariadne import MutationType, QueryType

from emulator.api.request import Info, Request, request_of
from emulator.store import new_id

if TYPE_CHECKING:
    from emulator.api.views import View

query = QueryType()
mutation = MutationType()


def new_workflow(request: Request, kind: str, of: str = "") -> str:
    """Store a completed workflow and return its id, which ends with `of`, the id of its object."""
    id_ = f"{kind}/{of or new_id()}"
    request.store.put("workflow", id_, {"status": "Complete", "error": None})
    return id_


@query.field("workflowStatus")
def workflow_status(_: object, info: Info, workflowId: str) -> View:
    """Return a workflow's status; `NotFound` if the id is unknown."""
    return request_of(info).store.get("workflow", workflowId) or {"status": "NotFound", "error": None}
