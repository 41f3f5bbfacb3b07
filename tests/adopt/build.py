"""Makes a fixture on an emulator by plain GraphQL, as scripts, Railway's CLI and its dashboard do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from emulator.database_templates import POSTGRES as TEMPLATE
from tests.adopt.servers import Fixture, Sealed, Server
from tests.colleague.inside import Inside
from tests.colleague.look import document

_ENVIRONMENTS = "query q($id: String!) { project(id: $id) { environments { edges { node { id } } } } }"
_LATEST = """
query latest($environment: String!, $service: String!) {
  serviceInstance(environmentId: $environment, serviceId: $service) { latestDeployment { id } }
}"""


Send = Callable[[str, Mapping[str, Any]], Any]
"""Sends a document with its variables; returns the data of the answer."""


@dataclass
class Built:
    """An environment that was made.

    Attributes:
        post: how documents are sent.
        project_id, environment_id: Railway's ids.
        ids: of services, by name.
    """

    post: Send
    project_id: str = ""
    environment_id: str = ""
    ids: dict[str, str] = field(default_factory=dict)

    def send(self, name: str, **given: Any) -> Any:
        """Send one mutation as its schema has it; returns its answer."""
        return self.post(document(name, tuple(given)), given)[name]

    def make(self, name: str, **given: Any) -> str:
        """Send a mutation that makes something; returns its id."""
        return str(self.post(document(name, tuple(given)).replace("__typename", "id"), given)[name]["id"])


def inside(emulator: Inside) -> Send:
    """Return what sends to an emulator of this process."""

    def post(text: str, given: Mapping[str, Any]) -> Any:
        answer = emulator.send(text, given)
        assert not answer.get("errors"), (text, answer["errors"])
        return answer["data"]

    return post


def built(post: Send, fixture: Fixture) -> Built:
    """Make an environment."""
    made = Built(post)
    is_copy = fixture.how in ("fork", "duplicate")
    named = "main" if is_copy else fixture.environment
    given = {"name": fixture.project, "defaultEnvironmentName": named}
    made.project_id = made.make("projectCreate", input=given)
    (first,) = post(_ENVIRONMENTS, {"id": made.project_id})["project"]["environments"]["edges"]
    made.environment_id = str(first["node"]["id"])
    if fixture.how == "fork":
        _copy(made, fixture)
    if fixture.shared:
        shared = {name: {"value": value} for name, value in fixture.shared.items()}
        made.send("environmentPatchCommit", environmentId=made.environment_id, patch={"sharedVariables": shared})
    if fixture.how == "template":
        config = TEMPLATE["serializedConfig"]
        place = {"projectId": made.project_id, "environmentId": made.environment_id}
        made.send("templateDeployV2", input={"templateId": TEMPLATE["id"], "serializedConfig": config, **place})
    for name, server in fixture.services.items():
        _service(made, name, server, by_calls=fixture.how == "calls")
    if fixture.how == "duplicate":
        _copy(made, fixture)
    for name in fixture.removed:
        here = {"environment": made.environment_id, "service": made.ids[name]}
        made.send("deploymentRemove", id=post(_LATEST, here)["serviceInstance"]["latestDeployment"]["id"])
    for name, values in fixture.later.items():
        variables = {"variables": {key: {"value": value} for key, value in values.items()}}
        patch = {"services": {made.ids[name]: variables}}
        made.send("environmentPatchCommit", environmentId=made.environment_id, patch=patch, skipDeploys=True)
    for name, values in fixture.staged.items():
        variables = {"variables": {key: {"value": value} for key, value in values.items()}}
        staged = {"services": {made.ids[name]: variables}}
        made.send("environmentStageChanges", environmentId=made.environment_id, input=staged)
    return made


def _copy(made: Built, fixture: Fixture) -> None:
    given = {
        "projectId": made.project_id,
        "name": fixture.environment,
        "sourceEnvironmentId": made.environment_id,
        "skipInitialDeploys": False,
    }
    made.environment_id = made.make("environmentCreate", input=given)


def _service(made: Built, name: str, server: Server, *, by_calls: bool) -> None:
    place = {"projectId": made.project_id, "environmentId": made.environment_id}
    id_ = made.ids[name] = made.make("serviceCreate", input={**place, "name": name})
    here = {"environmentId": made.environment_id, "serviceId": id_}
    for path in server.volumes:
        made.send("volumeCreate", input={**place, "serviceId": id_, "mountPath": path})
    for _ in range(server.domains):
        made.send("serviceDomainCreate", input=here)
    for domain in server.custom:
        made.send("customDomainCreate", input={**here, "projectId": made.project_id, "domain": domain})
    for port in server.proxies:
        made.send("tcpProxyCreate", input={**here, "applicationPort": port})
    if by_calls:
        _by_calls(made, id_, server)
        return
    patch = {"services": {id_: dict(_config(server))}}
    made.send("environmentPatchCommit", environmentId=made.environment_id, patch=patch, skipDeploys=not server.runs)


def _by_calls(made: Built, id_: str, server: Server) -> None:
    here = {"environmentId": made.environment_id, "serviceId": id_}
    upsert = {"projectId": made.project_id, **here, "variables": dict(server.variables), "skipDeploys": True}
    made.send("variableCollectionUpsert", input=upsert)
    settings = {**server.deploy, "source": {"image": server.image}}
    settings.pop("requiredMountPath", None)
    made.send("serviceInstanceUpdate", **here, input=settings)
    made.send("serviceInstanceDeployV2", **here)


def _config(server: Server) -> Iterator[tuple[str, Mapping[str, Any]]]:
    source = {"image": server.image, "repo": server.repo, "branch": server.branch, **server.source}
    yield "source", {key: value for key, value in source.items() if value}
    if server.deploy:
        yield "deploy", server.deploy
    if server.build:
        yield "build", server.build
    yield "variables", {name: _value(value) for name, value in server.variables.items()}


def _value(value: object) -> dict[str, Any]:
    return {"value": value.value, "isSealed": True} if isinstance(value, Sealed) else {"value": value}
