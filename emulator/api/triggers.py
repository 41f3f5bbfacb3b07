"""Deployment triggers, by which Railway deploys a service on each push to its branch; here they are only listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ariadne import MutationType, QueryType

from emulator.api.request import Info, connection, request_of

if TYPE_CHECKING:
    from emulator.api.views import View
    from emulator.store import Document

query = QueryType()
mutation = MutationType()


def triggers_of(environment: Document) -> list[Document]:
    """Return the triggers of an environment: one for each service instance with a repository."""
    return [
        {
            "id": f"{environment['id']}:{service_id}:trigger",
            "environmentId": environment["id"],
            "projectId": environment["projectId"],
            "serviceId": service_id,
            "provider": "github",
            "repository": service["source"]["repo"],
            "branch": service["source"].get("branch") or "main",
            "baseEnvironmentOverrideId": None,
            "checkSuites": bool(service["source"].get("checkSuites")),
            "validCheckSuites": 0,
        }
        for service_id, service in environment["config"].get("services", {}).items()
        if (service.get("source") or {}).get("repo")
    ]


@query.field("deploymentTriggers")
def deployment_triggers(_: object, info: Info, environmentId: str, projectId: str, serviceId: str, **page: Any) -> View:
    """Return the triggers of a service instance."""
    environment, _config = request_of(info).instance(environmentId, serviceId)
    return connection([row for row in triggers_of(environment) if row["serviceId"] == serviceId], page)
