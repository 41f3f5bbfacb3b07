"""Variables: stored, shared, sealed, rendered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ops.conformance import documents
from ops.conformance.scenario import Scenario

if TYPE_CHECKING:
    from ops.conformance.sandbox import Sandbox


def _here(stage: Sandbox, service_id: str | None = None) -> dict[str, Any]:
    return {
        "projectId": stage.project_id,
        "environmentId": stage.environment_id,
        **({"serviceId": service_id} if service_id else {}),
    }


def _own(stage: Sandbox, service_id: str) -> dict[str, Any]:
    found = stage.variables(service_id, unrendered=True)
    return {name: value for name, value in found.items() if not name.startswith("RAILWAY_")}


def _upsert(stage: Sandbox) -> list[Any]:
    id_ = stage.running("upserted")
    before = len(stage.deployments(id_))
    stage.ask(documents.UPSERT, input={**_here(stage, id_), "name": "A", "value": "1", "skipDeploys": True})
    skipped = len(stage.deployments(id_)) - before
    stage.ask(documents.UPSERT, input={**_here(stage, id_), "name": "A", "value": "2"})
    more = stage.lately(lambda: len(stage.deployments(id_)) - before, 1)
    stage.settled(id_)
    return [skipped, more]


def _upsert_never_deployed(stage: Sandbox) -> int:
    id_ = stage.service("never-deployed")
    stage.ask(documents.UPSERT, input={**_here(stage, id_), "name": "A", "value": "1"})
    stage.lately(lambda: _own(stage, id_), {"A": "1"})
    return len(stage.deployments(id_))


def _collection(stage: Sandbox) -> list[Any]:
    id_ = stage.service("collection")
    given = {**_here(stage, id_), "skipDeploys": True}
    stage.ask(documents.COLLECTION_UPSERT, input={**given, "variables": {"A": "1", "B": "2"}})
    stage.ask(documents.COLLECTION_UPSERT, input={**given, "variables": {"C": "3"}})
    kept = stage.lately(lambda: _own(stage, id_), {"A": "1", "B": "2", "C": "3"})
    stage.ask(documents.COLLECTION_UPSERT, input={**given, "variables": {"D": "4"}, "replace": True})
    return [kept, stage.lately(lambda: _own(stage, id_), {"D": "4"})]


def _shared(stage: Sandbox) -> Any:
    id_ = stage.service("reads-shared")
    stage.ask(documents.UPSERT, input={**_here(stage), "name": "SHARED", "value": "all", "skipDeploys": True})
    stage.configure(id_, {"variables": {"MINE": {"value": "${{shared.SHARED}}"}}}, skip=True)
    found = stage.lately(lambda: stage.variables(id_).get("MINE"), "all")
    stage.ask(documents.VARIABLE_DELETE, input={**_here(stage), "name": "SHARED"})
    return found


def _delete_deploys(stage: Sandbox) -> int:
    id_ = stage.running("variable-deleted", variables={"A": {"value": "1"}})
    before = len(stage.deployments(id_))
    stage.ask(documents.VARIABLE_DELETE, input={**_here(stage, id_), "name": "A"})
    more = int(stage.lately(lambda: len(stage.deployments(id_)) - before, 1))
    stage.settled(id_)
    return more


def _sealed(stage: Sandbox) -> list[Any]:
    id_ = stage.service("sealed")
    entry = {"value": "secret", "isSealed": True}
    stage.configure(id_, {"variables": {"S": entry, "REF": {"value": "x${{S}}"}}}, skip=True)
    stage.lately(lambda: "REF" in _own(stage, id_), expected=True)
    config = stage.config()["services"][id_]["variables"]
    shown = [
        stage.variables(id_, unrendered=True).get("S", "left out"),
        stage.variables(id_).get("S", "left out"),
        stage.ask(documents.VARIABLES_OF_DEPLOYMENT, **_here(stage, id_))["variablesForServiceDeployment"].get("S"),
        config["S"].get("value"),
        "secret" in str(stage.variables(id_)),
    ]
    stage.configure(id_, {"variables": {"S": {"isSealed": False}}}, skip=True)
    return [*shown, stage.config()["services"][id_]["variables"]["S"].get("value")]


def _port(stage: Sandbox) -> list[Any]:
    id_ = stage.service("has-port")
    stage.configure(id_, {"variables": {"URL": {"value": ":${{PORT}}"}}}, skip=True)
    found = stage.lately(lambda: stage.variables(id_).get("URL"), ":")
    return ["PORT" in stage.variables(id_), found]


def _private_domain(stage: Sandbox) -> Any:
    id_ = stage.service("private-name")
    domain = "private-name.railway.internal"
    return stage.lately(lambda: stage.variables(id_).get("RAILWAY_PRIVATE_DOMAIN"), domain)


def _masked(stage: Sandbox) -> list[Any]:
    id_ = stage.service("masked")
    login = {"username": "u", "password": "hush"}
    config = {"variables": {"A": {"value": "1"}}, "deploy": {"registryCredentials": login}}
    stage.configure(id_, config, skip=True)
    stage.lately(lambda: id_ in (stage.config().get("services") or {}), expected=True)
    closed, opened = stage.config(opened=False)["services"][id_], stage.config()["services"][id_]
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
