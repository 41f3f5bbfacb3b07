"""Reads environments and images in use from Railway, for scripts that must not rely on a stack's state alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from convos_infra.errors import InfraError
from convos_infra.railway.listing import list_projects, nodes, read_project
from convos_infra.railway.snapshot import Gone
from convos_infra.railway.snapshots import Snapshots
from pool_contract.agent_projects import AGENT_PROJECTS, PER_AGENT, is_of_agent
from pool_contract.service_names import AGENT_PREFIX
from railway_api.client import DEFAULT_ENDPOINT, Client, Timing


def client(environ: Mapping[str, str] | None = None, timing: Timing | None = None) -> Client:
    """Return a client with the token of the environment; a project token is used only if there is no other.

    Args:
        environ: the process's environment.
        timing: its time limits; those of a deployment by default.

    Raises:
        InfraError: there is no token.
    """
    environ = os.environ if environ is None else environ
    token = environ.get("RAILWAY_API_TOKEN", "")
    # In the order of an update and of Railway's own CLI; a project token is sent in a header of its own.
    of_project = "" if token else environ.get("RAILWAY_TOKEN", "")
    if not token and not of_project:
        raise InfraError(
            "RAILWAY_API_TOKEN",
            "is not set",
            "export it in the shell, or in a workflow give the job the environment that has it",
        )
    endpoint = environ.get("RAILWAY_ENDPOINT") or DEFAULT_ENDPOINT
    return Client(endpoint, token or of_project, timing=timing, project_token=bool(of_project))


def project_id(railway: Client, name: str) -> str:
    """Return the id of the living project of a name, empty if there is none.

    Raises:
        InfraError: it cannot be asked, or there are several.
    """
    found = [row["id"] for row in list_projects(railway, subject=name) if row["name"] == name and not row["deletedAt"]]
    if len(found) > 1:
        raise InfraError(name, f"{len(found)} projects of this name", "set projectId")
    return str(found[0]) if found else ""


def environments(railway: Client, project: str) -> dict[str, str]:
    """Return the living environments of a project, id -> name: two may have one name.

    Raises:
        InfraError: it cannot be asked, or Railway does not show the project.
    """
    answer = read_project(railway, project, subject="environments")
    if not answer:
        raise InfraError("environments", f"Railway shows no project {project} to this token")
    return {row["id"]: row["name"] for row in nodes(answer.get("environments")) if not row.get("deletedAt")}


def agent_projects(railway: Client) -> dict[str, str]:
    """Return the projects of agents that have one each (`POOL_AGENT_PROJECTS`), id -> name; of any pool.

    Raises:
        InfraError: they cannot be listed.
    """
    rows = [row for row in list_projects(railway, subject="projects of agents") if not row["deletedAt"]]
    found = [row for row in rows if is_of_agent(row.get("description")) or row["name"].startswith(AGENT_PREFIX)]
    return {row["id"]: row["name"] for row in found}


def images(railway: Client, project: str) -> Iterator[tuple[str, str]]:
    """Yield `environment/service` and image of every service of a project: those of stacks and of living agents.

    Raises:
        InfraError: an environment could not be read; an incomplete list would let images in use be deleted.
    """
    snapshots = Snapshots(railway)
    for id_, name in environments(railway, project).items():
        try:
            snapshot = snapshots.read(project, id_, subject=f"images of {name}", fresh=True)
        except Gone:  # deleted between the list and the read: it runs nothing
            continue
        for service_id in snapshot.instances:
            service = snapshot.service(service_id) or {}
            where = f"{name}/{snapshot.project_services.get(service_id, service_id)}"
            deployed = (snapshot.instances[service_id].get("latestDeployment") or {}).get("meta") or {}
            # What runs may be older than what is configured: a patch that was staged, or a deployment that failed.
            running = deployed.get("image") if isinstance(deployed, Mapping) else None
            for image in dict.fromkeys([(service.get("source") or {}).get("image"), running]):
                if image:
                    yield where, str(image)
            # An agent that is created right now uses the image that its pool manager names.
            variables = service.get("variables") or {}
            if railway.is_project_token and (variables.get(AGENT_PROJECTS) or {}).get("value") == PER_AGENT:
                problem = "its agents have projects of their own, which a project token does not show"
                raise InfraError(where, problem, "set RAILWAY_API_TOKEN to an account or workspace token")
            told = (variables.get("RAILWAY_RUNTIME_IMAGE") or {}).get("value")
            if told:
                yield f"{where} (RAILWAY_RUNTIME_IMAGE)", str(told)
