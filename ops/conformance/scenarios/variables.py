"""Variables: stored, shared, sealed, rendered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ops.conformance import documents
from ops.conformance.scenario import Scenario

if TYPE_CHECKING:
    from ops.conformance.sandbox import Sandbox


def _here(sandbox: Sandbox, service_id: str | None = None) -> dict[str, Any]:
    return {
        "projectId": sandbox.project_id,
        "environmentId": sandbox.environment_id,
        **({"serviceId": service_id} if service_id else {}),
    }


def _own(sandbox: Sandbox, service_id: str) -> dict[str, Any]:
    found = sandbox.variables(service_id, unrendered=True)
    return {name: value for name, value in found.items() if not name.startswith("RAILWAY_")}


def _upsert(sandbox: Sandbox) -> list[Any]:
    id_ = sandbox.running("upserted")
    before = len(sandbox.deployments(id_))
    sandbox.ask(documents.UPSERT, input={**_here(sandbox, id_), "name": "A", "value": "1", "skipDeploys": True})
    skipped = len(sandbox.deployments(id_)) - before
    sandbox.ask(documents.UPSERT, input={**_here(sandbox, id_), "name": "A", "value": "2"})
    more = sandbox.lately(lambda: len(sandbox.deployments(id_)) - before, 1)
    sandbox.settled(id_)
    return [skipped, more]


def _upsert_never_deployed(sandbox: Sandbox) -> int:
    id_ = sandbox.service("never-deployed")
    sandbox.ask(documents.UPSERT, input={**_here(sandbox, id_), "name": "A", "value": "1"})
    sandbox.lately(lambda: _own(sandbox, id_), {"A": "1"})
    return len(sandbox.deployments(id_))


def _collection(sandbox: Sandbox) -> list[Any]:
    id_ = sandbox.service("collection")
    given = {**_here(sandbox, id_), "skipDeploys": True}
    sandbox.ask(documents.COLLECTION_UPSERT, input={**given, "variables": {"A": "1", "B": "2"}})
    sandbox.ask(documents.COLLECTION_UPSERT, input={**given, "variables": {"C": "3"}})
    kept = sandbox.lately(lambda: _own(sandbox, id_), {"A": "1", "B": "2", "C": "3"})
    sandbox.ask(documents.COLLECTION_UPSERT, input={**given, "variables": {"D": "4"}, "replace": True})
    return [kept, sandbox.lately(lambda: _own(sandbox, id_), {"D": "4"})]


def _shared(sandbox: Sandbox) -> Any:
    id_ = sandbox.service("reads-shared")
    sandbox.ask(documents.UPSERT, input={**_here(sandbox), "name": "SHARED", "value": "all", "skipDeploys": True})
    sandbox.configure(id_, {"variables": {"MINE": {"value": "${{shared.SHARED}}"}}}, skip=True)
    found = sandbox.lately(lambda: sandbox.variables(id_).get("MINE"), "all")
    sandbox.ask(documents.VARIABLE_DELETE, input={**_here(sandbox), "name": "SHARED"})
    return found


def _delete_deploys(sandbox: Sandbox) -> int:
    id_ = sandbox.running("variable-deleted", variables={"A": {"value": "1"}})
    before = len(sandbox.deployments(id_))
    sandbox.ask(documents.VARIABLE_DELETE, input={**_here(sandbox, id_), "name": "A"})
    more = int(sandbox.lately(lambda: len(sandbox.deployments(id_)) - before, 1))
    sandbox.settled(id_)
    return more


def _sealed(sandbox: Sandbox) -> list[Any]:
    id_ = sandbox.service("sealed")
    entry = {"value": "secret", "isSealed": True}
    sandbox.configure(id_, {"variables": {"S": entry, "REF": {"value": "x${{S}}"}}}, skip=True)
    sandbox.lately(lambda: "REF" in _own(sandbox, id_), expected=True)
    config = sandbox.config()["services"][id_]["variables"]
    shown = [
        sandbox.variables(id_, unrendered=True).get("S", "left out"),
        sandbox.variables(id_).get("S", "left out"),
        sandbox.ask(documents.VARIABLES_OF_DEPLOYMENT, **_here(sandbox, id_))["variablesForServiceDeployment"].get("S"),
        config["S"].get("value"),
        "secret" in str(sandbox.variables(id_)),
    ]
    sandbox.configure(id_, {"variables": {"S": {"isSealed": False}}}, skip=True)
    return [*shown, sandbox.config()["services"][id_]["variables"]["S"].get("value")]


def _port(sandbox: Sandbox) -> list[Any]:
    id_ = sandbox.service("has-port")
    sandbox.configure(id_, {"variables": {"URL": {"value": ":${{PORT}}"}}}, skip=True)
    found = sandbox.lately(lambda: sandbox.variables(id_).get("URL"), ":")
    return ["PORT" in sandbox.variables(id_), found]


def _private_domain(sandbox: Sandbox) -> Any:
    id_ = sandbox.service("private-name")
    domain = "private-name.railway.internal"
    return sandbox.lately(lambda: sandbox.variables(id_).get("RAILWAY_PRIVATE_DOMAIN"), domain)


def _masked(sandbox: Sandbox) -> list[Any]:
    id_ = sandbox.service("masked")
    login = {"username": "u", "password": "hush"}
    config = {"variables": {"A": {"value": "1"}}, "deploy": {"registryCredentials": login}}
    sandbox.configure(id_, config, skip=True)
    sandbox.lately(lambda: id_ in (sandbox.config().get("services") or {}), expected=True)
    closed, opened = sandbox.config(opened=False)["services"][id_], sandbox.config()["services"][id_]
    return [closed["variables"]["A"].get("value"), opened["variables"]["A"].get("value"), "hush" in str(opened)]


SCENARIOS = (
    Scenario(
        "upsert-of-a-running-service", ("upsert-deploys-deployed", "upsert-skips"), _upsert, [0, 1], deployments=2
    ),
    Scenario("upsert-of-a-service-that-never-ran", ("upsert-deploys-deployed",), _upsert_never_deployed, 0),
    Scenario(
        "collection-with-and-without-replace",
        ("collection-replace",),
        _collection,
        [{"A": "1", "B": "2", "C": "3"}, {"D": "4"}],
    ),
    Scenario("shared-variable", ("variable-shared",), _shared, "all"),
    Scenario("delete-a-variable", ("variable-delete-deploys",), _delete_deploys, 1, deployments=2),
    Scenario("sealed-variable", ("sealed-stays",), _sealed, [None, None, None, None, False, None]),
    Scenario("port-is-not-shown", ("port-is-not-a-variable",), _port, [False, ":"]),
    Scenario("private-domain", ("private-domain",), _private_domain, "private-name.railway.internal"),
    Scenario("values-are-masked", ("masked-config",), _masked, [None, "1", False]),
)
