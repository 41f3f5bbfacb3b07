"""Workflows: what Railway goes on with after it answered. Here the work is done before the answer."""

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
    """Write a workflow down that has ended well, and return its id, which ends with that of what it works on."""
    id_ = f"{kind}/{of or new_id()}"
    request.store.put("workflow", id_, {"status": "Complete", "error": None})
    return id_


@query.field("workflowStatus")
def workflow_status(_: object, info: Info, workflowId: str) -> View:
    """Return how far a workflow is; one that nobody knows is an answer, not an error."""
    return request_of(info).store.get("workflow", workflowId) or {"status": "NotFound", "error": None}
