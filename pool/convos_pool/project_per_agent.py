"""Agents with a Railway project each: the limits of one project do not apply, and agents do not share a network."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import operations
from .agent_homes import AgentHome, AgentHomes, mark, marked_agent
from .agents import agent_id, service_name
from .errors import ConflictError, RailwayCallError, ThrottledError
from .railway import Instance, ProjectServices, ProjectUse, before_claim_of, instance_of, time_of, variables_of
from .railway_answers import pages, readable
from .railway_calls import CLAIMS_SHARE

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from railway_api.retry import Allowance

    from .railway_calls import RailwayCalls

PAGE = 100
"""How many projects with their services, or environments with their variables, one request reads."""


class ProjectPerAgent:
    """An implementation of `AgentServices`: a project of the same workspace for each agent.

    Args:
        calls: with account or workspace tokens.
        homes: the agents' projects; shared by all users of one pool.
        project_id: the pool manager's own project, whose workspace gets the agents' projects.
        environment_id: the pool manager's own environment: it marks the agents' projects, and others are never changed.
    """

    def __init__(self, calls: RailwayCalls, homes: AgentHomes, project_id: str, environment_id: str) -> None:
        self._calls = calls
        self._homes = homes
        self._project_id = project_id
        self._environment_id = environment_id
        self._asking = threading.Lock()
        self._place: tuple[str, str] | None = None

    def allowance(self) -> Allowance | None:
        """Return the rest of Railway's rate limit."""
        return self._calls.allowance()

    def keep_for_claims(self, share: float = CLAIMS_SHARE) -> None:
        """Reserve calls of the hour for claims; see `RailwayCalls.keep_for_claims`."""
        self._calls.keep_for_claims(share)

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """Limit the total time of this thread's calls; see `RailwayCalls.within`."""
        return self._calls.within(seconds)

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
        """Return the volumes of each service, from the last list of agents; no request is sent."""
        return {id_: list(home.volume_ids) for id_, home in self._homes.all().items()}

    def before_claim(self, service_id: str) -> tuple[Instance, dict[str, str]]:
        """Return a service's current state and its stored variables, in one request."""
        home = self._homes.of(service_id)
        scope = {"projectId": home.project_id, "environmentId": home.environment_id, "serviceId": service_id}
        return before_claim_of(self._calls.execute(operations.BEFORE_CLAIM, scope))

    def variables(self) -> dict[str, dict[str, str]]:
        """Return the variables of all agents, with one request for each hundred."""
        places = sorted({home.environment_id for home in self._homes.all().values() if home.has_service})
        found: dict[str, dict[str, str]] = {}
        for start in range(0, len(places), PAGE):
            found.update(self._variables_in(places[start : start + PAGE]))
        return found

    def _variables_in(self, places: Sequence[str]) -> dict[str, dict[str, str]]:
        """Read these environments in one request. If one is gone, Railway refuses all of them; then read each half."""
        given = {f"e{number}": place for number, place in enumerate(places)}
        try:
            answer = self._calls.execute(operations.configs(len(places)), given)
        except RailwayCallError as error:
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
        """Return the number of projects in the workspace; no request is sent."""
        return ProjectUse(0, 0, self._homes.projects)

    def leaves_services(self) -> bool:
        """Return False: a service is deleted with its agent's project."""
        return False

    def sees_project(self) -> bool:
        """Return True: account and workspace tokens see all environments."""
        return True

    def project_services(self) -> ProjectServices:
        """Return nothing: no service is left."""
        return ProjectServices({}, frozenset(), frozenset(), is_partial=False)

    def delete_unused(self, service_ids: Sequence[str]) -> None:
        """Do nothing: no service is left."""

    def is_fork(self) -> bool:
        """Return True: services belong only to this pool, as its projects are marked."""
        return True

    def ensure_service(self, instance: Instance) -> str:
        """Return the id of an agent's service; create it if the agent's project has none yet."""
        home = self._homes.of(instance.service_id)
        if home.has_service:
            return instance.service_id
        there, _ = self._services(home.project_id)
        service_id = next(iter(there), "") or self._new_service(home, instance.name)
        found = AgentHome(home.project_id, home.environment_id)
        self._homes.made(service_id, found)
        # An earlier read may have identified the agent by its project.
        self._homes.made(instance.service_id, found)
        return service_id

    def create_service(self, name: str) -> str:
        """Create a project for an agent, with an empty service, and return the service's id.

        Raises:
            CreationThrottledError: Railway does not allow the creation of a project yet.
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
        """Commit a patch in parts, one for each project that it changes; a refused part does not prevent the others."""
        refused: RailwayCallError | None = None
        for service_id, changed in patch["services"].items():
            try:
                place = self._homes.of(service_id).environment_id
                given = {"environmentId": place, "patch": {"services": {service_id: changed}}, "message": message}
                self._calls.execute(operations.PATCH_COMMIT, given)
            except ThrottledError:
                raise
            except RailwayCallError as error:
                refused = error
        if refused is not None:
            raise refused

    def deploy(self, service_id: str) -> str:
        """Deploy a service with its stored config, and return the deployment's id."""
        scope = {"environmentId": self._homes.of(service_id).environment_id, "serviceId": service_id}
        return str(self._calls.execute(operations.DEPLOY, scope)["serviceInstanceDeployV2"])

    def rename(self, service_id: str, name: str) -> None:
        """Rename a service; its project keeps its own name, which contains the agent's id."""
        self._calls.execute(operations.RENAME, {"id": service_id, "name": name})

    def delete_volume(self, volume_id: str) -> None:
        """Do nothing: the volume is deleted with its project, which follows."""

    def delete_service(self, service_id: str) -> None:
        """Delete an agent's project, with its service and its volume.

        Raises:
            ConflictError: other services were added to it, or its description was changed, so it is not deleted.
        """
        home = self._homes.of(service_id)
        there, owner = self._services(home.project_id)
        others = [name for id_, name in there.items() if id_ != service_id and agent_id(name) != owner]
        if others:
            words = f"{others[0]}: this service is in the project of an agent that is being deleted"
            raise ConflictError(f"{words}; move it elsewhere, or delete the project {home.project_id} by hand")
        self._calls.execute(operations.PROJECT_DELETE, {"id": home.project_id})
        self._homes.gone(service_id)

    @readable("agentProject")
    def _services(self, project_id: str) -> tuple[dict[str, str], str]:
        """Read the names of a project's services by their ids, and the agent that it belongs to.

        Raises:
            ConflictError: it is no longer a project of this pool.
        """
        found = self._calls.execute(operations.AGENT_PROJECT, {"projectId": project_id})["project"]
        owner = marked_agent(found["description"], self._environment_id)
        if owner is None:
            words = f"{project_id}: the project's description no longer names this pool, so it is not touched"
            raise ConflictError(f"{words}; restore the description, or delete the project by hand")
        return {str(edge["node"]["id"]): str(edge["node"]["name"]) for edge in found["services"]["edges"]}, owner

    def _new_service(self, home: AgentHome, name: str) -> str:
        scope = {"projectId": home.project_id, "environmentId": home.environment_id, "name": name}

        def observe() -> dict[str, Any] | None:
            there, _ = self._services(home.project_id)
            return {"serviceCreate": {"id": next(iter(there))}} if there else None

        made = self._calls.execute_in_new(operations.SERVICE_CREATE, {"input": scope}, observe)
        return str(made["serviceCreate"]["id"])

    def _own_place(self) -> tuple[str, str]:
        """Return the workspace for agents' projects, and the name of their environments; read once."""
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
    """Yield the services of an agent's project; without any, the agent as an unfinished one."""
    environments = [edge["node"] for edge in project["environments"]["edges"]]
    if not environments:
        return
    # People may have added environments: the agent is in the oldest one.
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
        # A service that is named like another agent is not an agent.
        if agent_id(instance.name) in {owner, None}:
            yield instance, AgentHome(*place, volume_ids=tuple(_volumes(first, instance.service_id)))


def _volumes(environment: Mapping[str, Any], service_id: str) -> Iterator[str]:
    for edge in environment["volumeInstances"]["edges"]:
        node = edge["node"]
        if node["serviceId"] == service_id and not node["deletedAt"] and not node["isPendingDeletion"]:
            yield str(node["volumeId"])
