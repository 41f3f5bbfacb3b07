"""Agents that have a Railway project each: no limit of one project ends the pool, and no two agents share a network."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import operations
from .agent_homes import AgentHome, AgentHomes, mark, marked_agent
from .agents import agent_id, service_name
from .errors import ConflictError, RailwayError, ThrottledError
from .railway import Instance, ProjectUse, before_claim_of, instance_of, time_of, variables_of
from .railway_answers import pages, readable
from .railway_calls import CLAIMS_SHARE

if TYPE_CHECKING:
    from railway_api.retry import Allowance

    from .railway_calls import RailwayCalls

PAGE = 100
"""Projects of one request, each with its services, and environments whose variables are asked for at once."""


class ProjectPerAgent:
    """One of the two ways of `AgentServices`: a project of the same workspace for each agent.

    Args:
        calls: with account or workspace tokens.
        homes: where agents live; shared by all who ask for one pool.
        project_id: the pool manager's own project, whose workspace gets the agents'.
        environment_id: the pool manager's own environment: it marks the agents' projects, and no other is touched.
    """

    def __init__(self, calls: RailwayCalls, homes: AgentHomes, project_id: str, environment_id: str) -> None:
        self._calls = calls
        self._homes = homes
        self._project_id = project_id
        self._environment_id = environment_id
        self._asking = threading.Lock()
        self._place: tuple[str, str] | None = None

    def allowance(self) -> Allowance | None:
        """Return what is left of Railway's rate limit."""
        return self._calls.allowance()

    def keep_for_claims(self, share: float = CLAIMS_SHARE) -> None:
        """Leave calls of the hour for claims; see `RailwayCalls.keep_for_claims`."""
        self._calls.keep_for_claims(share)

    @readable("agentProjects")
    def instances(self) -> list[Instance]:
        """Return the agents: one request for each hundred projects of the workspace."""
        found: dict[str, Instance] = {}
        homes: dict[str, AgentHome] = {}
        projects = 0
        for project in self._projects():
            projects += 1
            owner = marked_agent(project["description"], self._environment_id)
            if owner is None or project["deletedAt"]:
                continue
            for instance, home in _of_project(project, owner):
                found[instance.service_id], homes[instance.service_id] = instance, home
        self._homes.listed(homes, projects)
        return list(found.values())

    def volumes(self) -> dict[str, list[str]]:
        """Return the volumes of each service, as they were listed with the agents; nothing is asked."""
        return {id_: list(home.volume_ids) for id_, home in self._homes.all().items()}

    def before_claim(self, service_id: str) -> tuple[Instance, dict[str, str]]:
        """Return a service as it is now, and its variables as they are stored: one request."""
        home = self._homes.of(service_id)
        scope = {"projectId": home.project_id, "environmentId": home.environment_id, "serviceId": service_id}
        return before_claim_of(self._calls.execute(operations.BEFORE_CLAIM, scope))

    def variables(self) -> dict[str, dict[str, str]]:
        """Return the variables of all agents: one request for each hundred."""
        places = sorted({home.environment_id for home in self._homes.all().values() if home.has_service})
        found: dict[str, dict[str, str]] = {}
        for start in range(0, len(places), PAGE):
            found.update(self._variables_in(places[start : start + PAGE]))
        return found

    def _variables_in(self, places: Sequence[str]) -> dict[str, dict[str, str]]:
        """Ask for these environments at once; where one is gone, Railway refuses them all: then for each half."""
        given = {f"e{number}": place for number, place in enumerate(places)}
        try:
            answer = self._calls.execute(operations.configs(len(places)), given)
        except RailwayError as error:
            if error.is_there:
                raise
            if len(places) == 1:
                return {}
            half = len(places) // 2
            return self._variables_in(places[:half]) | self._variables_in(places[half:])
        found: dict[str, dict[str, str]] = {}
        with readable("agentsVariables"):
            for name in given:
                found.update(variables_of(answer[name]["config"]))
        return found

    def project_use(self) -> ProjectUse:
        """Return how many projects the workspace has; nothing is asked."""
        return ProjectUse(0, 0, self._homes.projects)

    def is_fork(self) -> bool:
        """Say that services belong to this pool alone: its projects are marked."""
        return True

    def ensure_service(self, instance: Instance) -> str:
        """Return the id of an agent's service; makes it where the agent's project has none yet."""
        home = self._homes.of(instance.service_id)
        if home.has_service:
            return instance.service_id
        there, _ = self._services(home.project_id)
        service_id = next(iter(there), "") or self._new_service(home, instance.name)
        found = AgentHome(home.project_id, home.environment_id)
        self._homes.made(service_id, found)
        # Whoever has looked before knows it by its project.
        self._homes.made(instance.service_id, found)
        return service_id

    def create_service(self, name: str) -> str:
        """Create a project for an agent, and in it an empty service, and return the service's id.

        Raises:
            CreationThrottledError: Railway lets nobody create a project yet.
        """
        workspace_id, environment = self._own_place()
        project = {
            "name": name,
            "description": mark(agent_id(name) or "", self._environment_id),
            "workspaceId": workspace_id,
            "defaultEnvironmentName": environment,
        }
        made = self._calls.create_project(operations.PROJECT_CREATE, {"input": project})["projectCreate"]
        (first, *_) = made["environments"]["edges"]
        home = AgentHome(str(made["id"]), str(first["node"]["id"]), has_service=False)
        service_id = self._new_service(home, name)
        self._homes.made(service_id, AgentHome(home.project_id, home.environment_id))
        return service_id

    def create_volume(self, service_id: str, mount_path: str) -> str:
        """Create a volume for a service and return its id."""
        home = self._homes.of(service_id)
        scope = {"projectId": home.project_id, "environmentId": home.environment_id}
        volume = {**scope, "serviceId": service_id, "mountPath": mount_path}
        return str(self._calls.execute(operations.VOLUME_CREATE, {"input": volume})["volumeCreate"]["id"])

    def create_domain(self, service_id: str, port: int) -> str:
        """Create a Railway domain for a service and return it."""
        home = self._homes.of(service_id)
        domain = {"environmentId": home.environment_id, "serviceId": service_id, "targetPort": port}
        found = self._calls.execute(operations.DOMAIN_CREATE, {"input": domain})
        return str(found["serviceDomainCreate"]["domain"])

    def commit(self, patch: Mapping[str, Any], message: str) -> None:
        """Commit a patch, one for each project that it changes; one that is refused does not keep back the others."""
        refused: RailwayError | None = None
        for service_id, changed in patch["services"].items():
            try:
                place = self._homes.of(service_id).environment_id
                given = {"environmentId": place, "patch": {"services": {service_id: changed}}, "message": message}
                self._calls.execute(operations.PATCH_COMMIT, given)
            except ThrottledError:
                raise
            except RailwayError as error:
                refused = error
        if refused is not None:
            raise refused

    def deploy(self, service_id: str) -> str:
        """Deploy a service with its stored config, and return the deployment's id."""
        scope = {"environmentId": self._homes.of(service_id).environment_id, "serviceId": service_id}
        return str(self._calls.execute(operations.DEPLOY, scope)["serviceInstanceDeployV2"])

    def rename(self, service_id: str, name: str) -> None:
        """Give a service another name; its project keeps its own, which has the agent's id."""
        self._calls.execute(operations.RENAME, {"id": service_id, "name": name})

    def delete_volume(self, volume_id: str) -> None:
        """Leave a volume to the deletion of its project, which comes next."""

    def delete_service(self, service_id: str) -> None:
        """Delete an agent's project, with its service and its volume.

        Raises:
            ConflictError: somebody has put something else into it, or has taken the mark away: it is not deleted.
        """
        home = self._homes.of(service_id)
        there, owner = self._services(home.project_id)
        others = [name for id_, name in there.items() if id_ != service_id and agent_id(name) != owner]
        if others:
            words = f"{others[0]}: a service in the project of an agent that is to be deleted"
            raise ConflictError(f"{words}; move it elsewhere, or delete the project {home.project_id} by hand")
        self._calls.execute(operations.PROJECT_DELETE, {"id": home.project_id})
        self._homes.gone(service_id)

    @readable("agentProject")
    def _services(self, project_id: str) -> tuple[dict[str, str], str]:
        """Return the names of a project's services by their ids, asked of Railway now, and the agent that it is for.

        Raises:
            ConflictError: it is no project of this pool any more.
        """
        found = self._calls.execute(operations.AGENT_PROJECT, {"projectId": project_id})["project"]
        owner = marked_agent(found["description"], self._environment_id)
        if owner is None:
            raise ConflictError(f"{project_id}: the project's description does not say any more that it is this pool's")
        return {str(edge["node"]["id"]): str(edge["node"]["name"]) for edge in found["services"]["edges"]}, owner

    def _new_service(self, home: AgentHome, name: str) -> str:
        scope = {"projectId": home.project_id, "environmentId": home.environment_id, "name": name}

        def observe() -> dict[str, Any] | None:
            there, _ = self._services(home.project_id)
            return {"serviceCreate": {"id": next(iter(there))}} if there else None

        made = self._calls.execute_in_new(operations.SERVICE_CREATE, {"input": scope}, observe)
        return str(made["serviceCreate"]["id"])

    def _own_place(self) -> tuple[str, str]:
        """Return the workspace for agents' projects, and the name of their environments: asked once."""
        with self._asking:
            if self._place is None:
                given = {"projectId": self._project_id, "environmentId": self._environment_id}
                found = self._calls.execute(operations.POOL_PLACE, given)
                self._place = str(found["project"]["workspaceId"]), str(found["environment"]["name"])
            return self._place

    def _projects(self) -> Iterator[Any]:
        workspace_id, _ = self._own_place()

        def ask(after: str | None) -> Mapping[str, Any]:
            variables = {"workspaceId": workspace_id, "first": PAGE, "after": after}
            found: Mapping[str, Any] = self._calls.execute(operations.AGENT_PROJECTS, variables)["projects"]
            return found

        return pages("agentProjects", ask)


def _of_project(project: Mapping[str, Any], owner: str) -> Iterator[tuple[Instance, AgentHome]]:
    """Yield the services of an agent's project; without any, the agent as one that is unfinished."""
    environments = [edge["node"] for edge in project["environments"]["edges"]]
    if not environments:
        return
    # Somebody may have added environments: the agent lives in the first one.
    first = min(environments, key=lambda one: str(one["createdAt"]))
    place = str(project["id"]), str(first["id"])
    living = [edge["node"] for edge in first["serviceInstances"]["edges"] if not edge["node"]["deletedAt"]]
    if not living:
        made_at = time_of(project["createdAt"])
        yield (
            Instance(place[0], service_name(owner), "", "", made_at, "", "", None),
            AgentHome(*place, has_service=False),
        )
    for node in living:
        instance = instance_of(node)
        # Another agent's name in this one's project is somebody's mistake, and no agent.
        if agent_id(instance.name) in {owner, None}:
            yield instance, AgentHome(*place, volume_ids=tuple(_volumes(first, instance.service_id)))


def _volumes(environment: Mapping[str, Any], service_id: str) -> Iterator[str]:
    for edge in environment["volumeInstances"]["edges"]:
        node = edge["node"]
        if node["serviceId"] == service_id and not node["deletedAt"] and not node["isPendingDeletion"]:
            yield str(node["volumeId"])
