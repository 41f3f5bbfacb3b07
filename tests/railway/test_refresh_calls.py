"""What one refresh asks of Railway, counted by the emulator: the same for one service and for fifty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from convos_infra.destroy.gate import DestroyGateProvider
from convos_infra.railway import session as session_module
from convos_infra.railway.details import VANISHED
from convos_infra.railway.resources.deployment import DeploymentProvider
from convos_infra.railway.resources.project import ProjectProvider
from convos_infra.railway.resources.project_token import ProjectTokenProvider
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.resources.tcp_proxy import TcpProxyProvider
from convos_infra.railway.session import RailwayProvider, Session
from convos_infra.railway.snapshots import Snapshots
from convos_infra.random_secret import RandomSecretProvider
from convos_infra.rollout.resource import AgentRolloutProvider
from railway_api.client import Client
from railway_api.errors import NotAuthorized
from tests.railway.fix_resources import IMAGE, QUICK, KeepingTokens, Place, Props, patch
from tests.railway.resource_cases import CASES
from tests.railway.stack_double import ORDER

_SERVICE = "mutation s($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"
_SERVICE_DELETE = "mutation d($id: String!, $e: String) { serviceDelete(id: $id, environmentId: $e) }"
_SECONDS = 1.0
"""How long each resource of a slow refresh takes."""
Recorded = tuple[type[RailwayProvider], str, Props]


def fleet(at: Place, size: int) -> list[Recorded]:
    """Make services, each with a proxy, as others would; return what the state of their stack has."""
    names = [f"s{number}" for number in range(size)]
    given = [at.runs.emulator.run(_SERVICE, input={**at.ids, "name": name}) for name in names]
    ids = {name: row["serviceCreate"]["id"] for name, row in zip(names, given, strict=True)}
    part = {"source": {"image": IMAGE}, "networking": {"tcpProxies": {"5432": {}}}}
    patch(at, {"services": dict.fromkeys(ids.values(), part)})
    rows: list[Recorded] = [(ProjectProvider, at.project.id, at.project.outputs)]
    for name, id_ in ids.items():
        place = {**at.ids, "serviceId": id_, "service": name}
        rows.append((ServiceProvider, id_, {**place, "name": name}))
        rows.append((ServiceInstanceProvider, f"{at.environment.id}/{id_}", {**place, "image": IMAGE}))
        proxy = {**place, "applicationPort": 5432.0, "host": "h", "proxyPort": 1.0}
        rows.append((TcpProxyProvider, "proxy", proxy))
    at.runs.emulator.forget_calls()
    return rows


@pytest.fixture
def one_run(at: Place, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Return a refresh of everything in one process, as Pulumi does it; it returns the ids that it read."""

    def refresh(rows: list[Recorded], client: Client | None = None) -> list[str]:
        client = client or Client(at.runs.emulator.endpoint, at.runs.emulator.token, timing=QUICK)
        passed = Counter[str]()
        session = Session(client, Snapshots(client, clock=lambda: passed["resources"] * _SECONDS))
        monkeypatch.setattr(session_module, "_session", lambda *_: session)
        found = []
        for kind, id_, props in rows:
            provider = kind()
            provider._config = {"railwayEndpoint": at.runs.emulator.endpoint, "railwayToken": "t"}  # type: ignore[assignment]
            found.append(provider.current(id_, dict(props)).id)
            passed["resources"] += 1
        return found

    return refresh


@pytest.mark.parametrize("size", [1, 10, 50])
def test_a_slow_refresh_asks_three_questions_at_any_size(
    at: Place, one_run: Callable[..., list[str]], size: int
) -> None:
    rows = fleet(at, size)
    assert all(one_run(rows))
    calls = [(call["type"], call["operation"]) for call in at.runs.emulator.calls()]
    assert len(calls) == 3, calls
    assert {kind for kind, _ in calls} == {"query"}


def stack_of_the_program(at: Place, size: int) -> list[Recorded]:
    """Return every kind of resource that the program has on Railway, and a fleet beside them."""
    made = [at.project, at.environment, at.service]
    kinds = ("ServiceInstance", "SharedVariables", "Volume", "ServiceDomain", "CustomDomain", "TcpProxy")
    made += [at.runs.create(CASES[name].provider, CASES[name].inputs(at)) for name in kinds]
    token = {**at.ids, "name": "pool-manager", "serviceId": at.service.id, "variable": "RAILWAY_API_TOKEN"}
    made += [at.runs.create(ProjectTokenProvider, token)]
    secret = {**at.ids, "serviceId": at.service.id, "service": "web", "variable": "SECRET", "length": 32.0}
    rows: list[Recorded] = [(one.provider, one.id, one.outputs) for one in made]
    rows.append((RandomSecretProvider, "secret", {**secret, "value": "x" * 32}))
    waited = [{"name": "web", "serviceId": at.service.id, "deploymentId": "", "image": IMAGE}]
    rows.append((DeploymentProvider, "ready", {**at.ids, "services": waited, "timeoutSeconds": 5.0}))
    rows.append((DestroyGateProvider, "gate", {**at.ids, "services": [], "volumes": []}))
    return [*rows, *fleet(at, size)[1:]]


def test_the_stack_of_the_program_has_every_kind_of_resource(at: Place) -> None:
    kinds = {kind for kind, _, _ in stack_of_the_program(at, 1)}
    asks_the_pool_manager = {AgentRolloutProvider}
    assert kinds | asks_the_pool_manager == set(ORDER) | {DeploymentProvider, RandomSecretProvider}


@pytest.mark.parametrize("size", [1, 10, 50])
def test_the_stack_of_the_program_asks_three_questions_at_any_size(
    at: Place, one_run: Callable[..., list[str]], size: int
) -> None:
    rows = stack_of_the_program(at, size)
    assert all(one_run(rows))
    calls = [(call["type"], call["operation"]) for call in at.runs.emulator.calls()]
    assert len(calls) == 3, calls
    assert {kind for kind, _ in calls} == {"query"}


def test_a_token_that_somebody_revoked_is_seen_in_the_same_three_calls(
    at: Place, one_run: Callable[..., list[str]]
) -> None:
    rows = stack_of_the_program(at, 1)
    [(token, id_)] = [(number, id_) for number, (kind, id_, _) in enumerate(rows) if kind is ProjectTokenProvider]
    at.runs.emulator.run("mutation d($id: String!) { projectTokenDelete(id: $id) }", id=id_)
    at.runs.emulator.forget_calls()
    found = one_run(rows)
    assert [number for number, one in enumerate(found) if not one] == [token]
    assert len(at.runs.emulator.calls()) == 3


def test_whoever_may_not_see_the_tokens_refreshes_everything_else(at: Place, one_run: Callable[..., list[str]]) -> None:
    """The token stays in the state, with the error; what Railway refuses is asked for once."""
    rows = stack_of_the_program(at, 1)
    [token] = [row for row in rows if row[0] is ProjectTokenProvider]
    client = KeepingTokens(at.runs.emulator.endpoint, at.runs.emulator.token, timing=QUICK)
    assert all(one_run([row for row in rows if row is not token], client))
    assert client.refused == 1
    with pytest.raises(NotAuthorized):
        one_run([token], client)


def test_an_environment_that_is_gone_is_proved_to_be_once(at: Place, one_run: Callable[..., list[str]]) -> None:
    rows = fleet(at, 10)
    CASES["Environment"].remove(at, at.environment)
    at.runs.emulator.forget_calls()
    found = one_run(rows)
    assert found[0] == at.project.id
    assert set(found[1:]) == {""}
    assert len(at.runs.emulator.calls()) <= 3


class Removing(Client):
    """A client that does something else between the two reads of an environment."""

    between: Callable[[], Any] | None = None

    def query(self, document: str, variables: Any, *, subject: str) -> Any:
        if document.startswith("query details") and self.between is not None:
            between, self.between = self.between, None
            between()
        return super().query(document, variables, subject=subject)


def test_a_service_that_vanishes_between_two_reads_costs_its_own_details_alone(
    at: Place, one_run: Callable[..., list[str]]
) -> None:
    rows = fleet(at, 3)
    said: list[str] = []
    client = Removing(at.runs.emulator.endpoint, at.runs.emulator.token, timing=QUICK, progress=said.append)
    lost = rows[1][1]
    client.between = lambda: at.runs.emulator.run(_SERVICE_DELETE, id=lost, e=at.environment.id)
    found = one_run(rows, client)
    assert all(found), "what could not be read is kept as it is recorded"
    assert found[6] != "proxy", "the proxy of a service that stayed is read"
    assert said == [f"TCP proxy of s0: the recorded values are kept, because it cannot be read: {VANISHED}"]
    assert not any(one_run(rows)[1:4]), "the next refresh records that it is gone"


def test_an_environment_that_vanishes_between_two_reads_ends_no_refresh(
    at: Place, one_run: Callable[..., list[str]]
) -> None:
    rows = fleet(at, 3)
    said: list[str] = []
    client = Removing(at.runs.emulator.endpoint, at.runs.emulator.token, timing=QUICK, progress=said.append)
    client.between = lambda: CASES["Environment"].remove(at, at.environment)
    assert all(one_run(rows, client))
    assert said[0] == "what deployments run with cannot be read: only what is stored was compared"
    assert not any(one_run(rows)[1:])
