"""railway-client of PyPI, unchanged: a stranger's client, generated from Railway's schema, asks for every field."""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Iterator

import pytest
from graphql import build_schema, parse, validate
from railway import RailwayClient, RailwayError
from railway import client as client_module

from emulator.execution import SDL
from tests.emulator.fix_emulator import Emulator

IMAGE = "ghcr.io/example/web:1"
NOT_SERVED = {"regions": "asks for Region.railwayMetal, which Railway's published schema has no more"}


@pytest.fixture
def client(emulator: Emulator) -> Iterator[RailwayClient]:
    with RailwayClient(api_token=emulator.token, endpoint=emulator.endpoint) as made:
        yield made


def documents() -> list[str]:
    return re.findall(r'query = """(.*?)"""', inspect.getsource(client_module), re.DOTALL)


def test_every_operation_that_the_emulator_has_takes_the_clients_document() -> None:
    schema = build_schema(SDL.read_text())
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    served = {*schema.query_type.fields, *schema.mutation_type.fields} - set(NOT_SERVED)
    seen = 0
    for text in documents():
        document = parse(text)
        name = document.definitions[0].selection_set.selections[0].name.value  # type: ignore[attr-defined]
        if name in served:
            seen += 1
            assert validate(schema, document) == [], name
    assert seen > 70


def status(client: RailwayClient, deployment: str) -> str:
    """Return a status; the client's own documents leave enumerations out."""
    data = client._execute("query d($id: String!) { deployment(id: $id) { status } }", {"id": deployment})
    return str(data["deployment"]["status"])


def test_a_day_of_its_user(client: RailwayClient) -> None:
    assert client.me().id
    workspace = client.api_token().workspaces[0]
    assert client.workspace(workspace.id).name == workspace.name
    project = client.project_create(name="strange", workspace_id=workspace.id)
    assert client.project(project.id).name == "strange"
    assert client.project_update(project.id, description="theirs").description == "theirs"
    environment = client.environment_create(project_id=project.id, name="staging")
    assert client.environment(environment.id).name == "staging"
    service = client.service_create(project_id=project.id, environment_id=environment.id, name="web")
    assert client.service(service.id).name == "web"
    assert client.variable_collection_upsert(
        project_id=project.id,
        environment_id=environment.id,
        service_id=service.id,
        variables={"A": "1", "B": "${{web.A}}"},
        skip_deploys=True,
    )
    assert client.variables(environment.id, project.id, service_id=service.id, unrendered=True)["B"] == "${{web.A}}"
    assert client.service_instance_update(
        service.id, environment_id=environment.id, source={"image": IMAGE}, start_command="run"
    )
    deployment = client.service_instance_deploy_v2(environment.id, service.id)
    assert client.deployment(deployment).service_id == service.id
    until = time.monotonic() + 20
    while status(client, deployment) != "SUCCESS" and time.monotonic() < until:
        time.sleep(0.05)
    assert status(client, deployment) == "SUCCESS"
    assert client.service_instance(environment.id, service.id).start_command == "run"
    domain = client.service_domain_create(environment_id=environment.id, service_id=service.id)
    assert domain.domain.endswith(".up.railway.app")
    own = client.custom_domain_create(
        project_id=project.id, environment_id=environment.id, service_id=service.id, domain="agents.example.org"
    )
    assert client.custom_domain(own.id, project.id).domain == "agents.example.org"
    volume = client.volume_create(
        project_id=project.id, environment_id=environment.id, service_id=service.id, mount_path="/data"
    )
    assert volume.id
    again = client.deployment_redeploy(deployment)
    assert again.id != deployment
    assert client.service_delete(service.id, environment_id=environment.id)
    assert client.project_delete(project.id)
    with pytest.raises(RailwayError):
        client.project(project.id)


def test_a_wrong_token_is_told_as_railway_tells_it(emulator: Emulator) -> None:
    with (
        RailwayClient(api_token="wrong", endpoint=emulator.endpoint) as stranger,
        pytest.raises(RailwayError, match="Not Authorized"),
    ):
        stranger.me()
