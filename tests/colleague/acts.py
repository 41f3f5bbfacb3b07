"""The colleague: one act for every mutation of Railway's schema, as the CLI and the dashboard send them.

An act chooses what it is about from what is there at that moment, by a seeded choice, and returns the mutation's
arguments; None where there is nothing to do it to.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from graphql import GraphQLObjectType, GraphQLSchema, build_schema, get_named_type

from emulator.api.request import WORKSPACE
from emulator.api.templates import POSTGRES
from emulator.change_sets import address
from emulator.store import Document, Store
from tests.railway.fix_resources import IMAGE, OTHER_IMAGE

SDL = Path(__file__).parents[2] / "emulator" / "schema.graphql"
CRASHING = "ghcr.io/example/crashing:1@sha256:" + "c" * 64
_IMAGES = (IMAGE, OTHER_IMAGE, CRASHING)
_STAGES = ("variables", "deploy", "sharedVariables")
Arguments = dict[str, Any]


@lru_cache(maxsize=1)
def schema() -> GraphQLSchema:
    """Return Railway's schema, as the emulator serves it."""
    return build_schema(SDL.read_text(encoding="utf-8"))


def mutations() -> list[str]:
    """Return the names of all mutations."""
    found = schema().mutation_type
    assert found is not None
    return sorted(found.fields)


@lru_cache(maxsize=100)
def document(mutation: str, given: tuple[str, ...]) -> str:
    """Return the document that sends a mutation with the arguments named."""
    found = schema().mutation_type
    assert found is not None
    field = found.fields[mutation]
    declared = ", ".join(f"${name}: {field.args[name].type}" for name in given)
    passed = ", ".join(f"{name}: ${name}" for name in given)
    shown = " { __typename }" if isinstance(get_named_type(field.type), GraphQLObjectType) else ""
    return f"mutation theirs({declared}) {{ {mutation}({passed}){shown} }}"


@dataclass(frozen=True)
class Look:
    """What the colleague sees, and how the choice falls.

    Attributes:
        store: everything.
        rng: decides.
    """

    store: Store
    rng: random.Random

    def one(self, kind: str, **where: Any) -> Any:
        """Choose a living document."""
        return self.of(self.store.all(kind, lambda row: not row.get("deletedAt") and where.items() <= row.items()))

    def of(self, rows: Sequence[Any]) -> Any:
        """Choose one of these."""
        return self.rng.choice(list(rows)) if rows else None

    def project(self) -> Any:
        """Choose a project."""
        return self.one("project")

    def environment(self) -> Any:
        """Choose an environment: mostly one that has services."""
        rows = self.store.all("environment", lambda row: not row.get("deletedAt"))
        return self.of([row for row in rows if row["config"].get("services")] or rows)

    def instance(self) -> tuple[Document, str, Document] | None:
        """Choose a service in an environment: both, and its configuration."""
        environment = self.environment()
        services = (environment or {"config": {}})["config"].get("services") or {}
        id_ = self.of(sorted(services, key=self._name))
        return None if environment is None or id_ is None else (environment, id_, services[id_])

    def deployment(self) -> Any:
        """Choose one of the last deployments."""
        rows = self.store.all("deployment")
        return self.of(rows[-6:])

    def name(self) -> str:
        """Return a name that is free, mostly."""
        return f"theirs-{self.rng.randrange(1000)}"

    def variable(self, config: Document) -> str:
        """Choose a variable: one that is there, or one of their own."""
        own, anybodys = f"THEIR_{self.rng.randrange(3)}", f"V{self.rng.randrange(6)}"
        return str(self.rng.choice([*sorted(config.get("variables") or {}), own, anybodys]))

    def _name(self, service_id: str) -> str:
        return str((self.store.get("service", service_id) or {}).get("name"))


Act = Callable[[Look], Arguments | None]
ACTS: dict[str, Act] = {}


def act(mutation: str) -> Callable[[Act], Act]:
    """Make a function the act of a mutation."""

    def keep(made: Act) -> Act:
        ACTS[mutation] = made
        return made

    return keep


def patch(look: Look) -> Document | None:
    """Return a patch of an environment's config as the dashboard makes them."""
    found = look.instance()
    if found is None:
        return None
    _, service_id, config = found
    name = look.variable(config)
    pieces: list[Document] = [
        {"services": {service_id: {"variables": {name: {"value": f"theirs-{look.rng.randrange(9)}"}}}}},
        {"services": {service_id: {"variables": {name: None}}}},
        {"services": {service_id: {"deploy": {"startCommand": look.of(("theirs.sh", "node a.js"))}}}},
        {"services": {service_id: {"deploy": {"healthcheckPath": look.of(("/theirs", None))}}}},
        {"services": {service_id: {"deploy": {"multiRegionConfig": {"us-west2": {"numReplicas": 3}}}}}},
        {"services": {service_id: {"source": {"image": look.of(_IMAGES)}}}},
        {"services": {service_id: {"networking": {"tcpProxies": {"6543": {}}}}}},
        {"services": {service_id: {"networking": {"tcpProxies": {"5432": None}}}}},
        {"sharedVariables": {look.of(("MODE", "TIER", "THEIRS")): look.of(({"value": "theirs"}, None))}},
    ]
    existing = config.get("variables") or {}
    if name in existing and "${{" not in str(existing[name].get("value")):
        sealed = {"value": existing[name].get("value"), "isSealed": True}
        pieces.append({"services": {service_id: {"variables": {name: sealed}}}})
    if look.rng.random() < 0.1:
        pieces = [{"services": {service_id: {"isDeleted": True}}}]
    chosen: Document = look.of(pieces)
    return chosen


@act("cliEventTrack")
def cli_event_track(look: Look) -> Arguments | None:
    event = {"arch": "x64", "cliVersion": "4", "command": "up", "durationMs": 1, "isCi": False, "os": "linux"}
    return {"input": {**event, "success": True}}


def _domain_input(look: Look) -> Arguments | None:
    found = look.instance()
    if found is None:
        return None
    return {"environmentId": found[0]["id"], "serviceId": found[1], "targetPort": look.of((None, 9999))}


@act("customDomainCreate")
def custom_domain_create(look: Look) -> Arguments | None:
    given = _domain_input(look)
    if given is None:
        return None
    project = (look.store.get("environment", given["environmentId"]) or {})["projectId"]
    domain = look.of(("shop.example.org", f"theirs-{look.rng.randrange(9)}.example.org"))
    return {"input": {**given, "projectId": project, "domain": domain}}


def _by_id(kind: str, mutation: str) -> None:
    def chosen(look: Look) -> Arguments | None:
        row = look.one(kind)
        return None if row is None else {"id": row["id"]}

    ACTS[mutation] = chosen


for _kind, _mutation in (
    ("custom_domain", "customDomainDelete"),
    ("domain", "serviceDomainDelete"),
    ("tcp_proxy", "tcpProxyDelete"),
    ("environment", "environmentDelete"),
    ("project", "projectDelete"),
    ("project", "projectScheduleDelete"),
    ("project_token", "projectTokenDelete"),
    ("service", "serviceDisconnect"),
):
    _by_id(_kind, _mutation)


def _of_deployment(mutation: str) -> None:
    def chosen(look: Look) -> Arguments | None:
        row = look.deployment()
        return None if row is None else {"id": row["id"]}

    ACTS[mutation] = chosen


for _mutation in (
    "deploymentApprove",
    "deploymentCancel",
    "deploymentRedeploy",
    "deploymentRemove",
    "deploymentRestart",
    "deploymentRollback",
    "deploymentStop",
):
    _of_deployment(_mutation)


@act("projectScheduleDeleteCancel")
def project_schedule_delete_cancel(look: Look) -> Arguments | None:
    row = look.of(look.store.all("project", lambda row: bool(row.get("deletionScheduled"))))
    return row and {"id": row["id"]}


@act("customDomainUpdate")
def custom_domain_update(look: Look) -> Arguments | None:
    row = look.one("custom_domain")
    return row and {"id": row["id"], "environmentId": row["environmentId"], "targetPort": look.of((9999, 3000))}


@act("environmentApplyChangeSet")
def environment_apply_change_set(look: Look) -> Arguments | None:
    given = environment_preview_change_set(look)
    return given and {**given, "waitForCompletion": True}


@act("environmentPreviewChangeSet")
def environment_preview_change_set(look: Look) -> Arguments | None:
    found = look.instance()
    if found is None:
        return None
    environment, service_id, config = found
    name = (look.store.get("service", service_id) or {})["name"]
    value = {"type": "literal", "value": f"theirs-{look.rng.randrange(9)}"}
    change = {"kind": "variable.set", "address": address("service", name), "after": value}
    given = {**change, "variable": look.variable(config), "path": f"resources.service.{name}", "summary": "variable"}
    return {"environmentId": environment["id"], "input": {"version": 1, "changes": [given]}}


@act("environmentCreate")
def environment_create(look: Look) -> Arguments | None:
    project, source = look.project(), look.environment()
    if project is None or source is None:
        return None
    name = look.of((look.name(), "staging"))
    copied = {"sourceEnvironmentId": source["id"]} if look.rng.random() < 0.5 else {}
    return {"input": {"projectId": source["projectId"], "name": name, "skipInitialDeploys": True, **copied}}


@act("environmentPatchCommit")
def environment_patch_commit(look: Look) -> Arguments | None:
    found, environment = patch(look), look.environment()
    if found is None or environment is None:
        return None
    return {"environmentId": environment["id"], "patch": found, "skipDeploys": look.rng.random() < 0.4}


@act("environmentPatchCommitStaged")
def environment_patch_commit_staged(look: Look) -> Arguments | None:
    environment = look.environment()
    return environment and {"environmentId": environment["id"], "skipDeploys": look.rng.random() < 0.4}


@act("environmentRename")
def environment_rename(look: Look) -> Arguments | None:
    environment = look.environment()
    return environment and {"id": environment["id"], "input": {"name": look.name()}}


@act("environmentStageChanges")
def environment_stage_changes(look: Look) -> Arguments | None:
    found, environment = patch(look), look.environment()
    return found and environment and {"environmentId": environment["id"], "input": found, "merge": True}


@act("projectCreate")
def project_create(look: Look) -> Arguments | None:
    name = look.of((look.name(), "shop"))
    return {"input": {"name": name, "workspaceId": WORKSPACE["id"], "defaultEnvironmentName": "production"}}


@act("projectTokenCreate")
def project_token_create(look: Look) -> Arguments | None:
    row = look.environment()
    return row and {"input": {"projectId": row["projectId"], "environmentId": row["id"], "name": look.name()}}


@act("projectUpdate")
def project_update(look: Look) -> Arguments | None:
    project = look.project()
    given = look.of(({"name": look.name()}, {"description": "theirs"}, {"prDeploys": True}))
    return project and {"id": project["id"], "input": given}


@act("serviceConnect")
def service_connect(look: Look) -> Arguments | None:
    row = look.one("service")
    return row and {"id": row["id"], "input": {"image": look.of(_IMAGES)}}


@act("serviceCreate")
def service_create(look: Look) -> Arguments | None:
    environment = look.environment()
    if environment is None:
        return None
    given = {"projectId": environment["projectId"], "environmentId": environment["id"], "name": look.name()}
    if look.rng.random() < 0.7:
        given["source"] = {"image": OTHER_IMAGE}
        given["variables"] = {"THEIRS": "1"}
    return {"input": given}


@act("serviceDelete")
def service_delete(look: Look) -> Arguments | None:
    found = look.instance()
    return found and {"id": found[1], "environmentId": found[0]["id"]}


@act("serviceDomainCreate")
def service_domain_create(look: Look) -> Arguments | None:
    given = _domain_input(look)
    return given and {"input": given}


@act("serviceDomainUpdate")
def service_domain_update(look: Look) -> Arguments | None:
    row = look.one("domain")
    if row is None:
        return None
    domain = look.of((row["domain"], f"theirs-{look.rng.randrange(9)}.up.railway.app"))
    place = {"environmentId": row["environmentId"], "serviceId": row["serviceId"]}
    port = look.of((9999, row.get("targetPort")))
    return {"input": {**place, "serviceDomainId": row["id"], "domain": domain, "targetPort": port}}


def _place(look: Look) -> Arguments | None:
    found = look.instance()
    return found and {"serviceId": found[1], "environmentId": found[0]["id"]}


ACTS["serviceInstanceDeploy"] = ACTS["serviceInstanceDeployV2"] = ACTS["serviceInstanceRedeploy"] = _place


@act("serviceInstanceLimitsUpdate")
def service_instance_limits_update(look: Look) -> Arguments | None:
    given = _place(look)
    return given and {"input": {**given, "memoryGB": 2.0}}


@act("serviceInstanceUpdate")
def service_instance_update(look: Look) -> Arguments | None:
    given = _place(look)
    choices: tuple[Document, ...] = (
        {"startCommand": "theirs.sh"},
        {"healthcheckPath": "/theirs"},
        {"restartPolicyType": "NEVER"},
        {"source": {"image": look.of(_IMAGES)}},
        {"sleepApplication": True},
        {"cronSchedule": "5 4 * * *"},
    )
    return given and {**given, "input": look.of(choices)}


@act("serviceUpdate")
def service_update(look: Look) -> Arguments | None:
    row = look.one("service")
    return row and {"id": row["id"], "input": look.of(({"name": look.name()}, {"icon": "theirs.svg"}))}


@act("tcpProxyCreate")
def tcp_proxy_create(look: Look) -> Arguments | None:
    given = _place(look)
    return given and {"input": {**given, "applicationPort": look.of((5432, 6543))}}


@act("templateDeployV2")
def template_deploy_v2(look: Look) -> Arguments | None:
    row = look.environment()
    # The template's own image would start a PostgreSQL, which no program here needs.
    services = POSTGRES["serializedConfig"]["services"]
    simulated = {id_: {**service, "source": {"image": OTHER_IMAGE}} for id_, service in services.items()}
    given = {"templateId": POSTGRES["id"], "serializedConfig": {"services": simulated}}
    return row and {"input": {**given, "projectId": row["projectId"], "environmentId": row["id"]}}


def _variable(look: Look) -> tuple[Arguments, Document] | None:
    found = look.instance()
    if found is None:
        return None
    environment, service_id, config = found
    return {"projectId": environment["projectId"], "environmentId": environment["id"], "serviceId": service_id}, config


@act("variableCollectionUpsert")
def variable_collection_upsert(look: Look) -> Arguments | None:
    found = _variable(look)
    if found is None:
        return None
    place, config = found
    values = {look.variable(config): "theirs-a", f"THEIR_{look.rng.randrange(3)}": "theirs-b"}
    skips = {"skipDeploys": look.rng.random() < 0.5, "replace": look.rng.random() < 0.1}
    return {"input": {**place, "variables": values, **skips}}


@act("variableDelete")
def variable_delete(look: Look) -> Arguments | None:
    found = _variable(look)
    return found and {"input": {**found[0], "name": look.variable(found[1])}}


@act("variableUpsert")
def variable_upsert(look: Look) -> Arguments | None:
    found = _variable(look)
    if found is None:
        return None
    name, value = look.variable(found[1]), f"theirs-{look.rng.randrange(9)}"
    return {"input": {**found[0], "name": name, "value": value, "skipDeploys": look.rng.random() < 0.5}}


@act("volumeCreate")
def volume_create(look: Look) -> Arguments | None:
    found = look.instance()
    if found is None:
        return None
    service = look.of(({"serviceId": found[1]}, {}))
    place = {"projectId": found[0]["projectId"], "environmentId": found[0]["id"]}
    return {"input": {**place, **service, "mountPath": "/theirs"}}


def _volume(look: Look) -> Any:
    return look.one("volume_instance")


@act("volumeDelete")
def volume_delete(look: Look) -> Arguments | None:
    row = _volume(look)
    return row and {"volumeId": row["volumeId"]}


@act("volumeInstanceUpdate")
def volume_instance_update(look: Look) -> Arguments | None:
    row = _volume(look)
    given = look.of(({"mountPath": "/theirs"}, {"serviceId": None}))
    return row and {"volumeId": row["volumeId"], "environmentId": row["environmentId"], "input": given}


@act("volumeUpdate")
def volume_update(look: Look) -> Arguments | None:
    row = _volume(look)
    return row and {"volumeId": row["volumeId"], "input": {"name": look.name()}}


RARE = frozenset({"projectDelete", "projectScheduleDelete", "environmentDelete", "cliEventTrack"})
"""Of these one is enough in many programs: after it there is little left to work beside."""
