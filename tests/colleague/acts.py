"""The colleague: one act for every mutation of Railway's schema, as the CLI and the dashboard send them.

An act chooses what it is about from what is there at that moment, by a seeded choice, and returns the mutation's
arguments; None if there is nothing to do it to.
"""

from __future__ import annotations

from emulator.api.request import WORKSPACE
from emulator.change_sets import addresses
from emulator.database_templates import POSTGRES
from emulator.store import Document
from tests.colleague import acts_on_parts
from tests.colleague.act import Acts
from tests.colleague.look import Arguments, Look
from tests.railway.fix_resources import IMAGE, OTHER_IMAGE

CRASHING = "ghcr.io/example/crashing:1@sha256:" + "c" * 64
_IMAGES = (IMAGE, OTHER_IMAGE, CRASHING)
_STAGES = ("variables", "deploy", "sharedVariables")
ACTS = Acts(acts_on_parts.ACTS)
act = ACTS.of


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
    change = {"kind": "variable.set", "address": addresses("service", name)[0], "after": value}
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


ACTS["serviceInstanceDeploy"] = ACTS["serviceInstanceDeployV2"] = ACTS["serviceInstanceRedeploy"] = Look.place


@act("serviceInstanceLimitsUpdate")
def service_instance_limits_update(look: Look) -> Arguments | None:
    given = look.place()
    return given and {"input": {**given, "memoryGB": 2.0}}


@act("serviceInstanceUpdate")
def service_instance_update(look: Look) -> Arguments | None:
    given = look.place()
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


@act("templateDeployV2")
def template_deploy_v2(look: Look) -> Arguments | None:
    row = look.environment()
    # The template's own image would start a PostgreSQL, which no program here needs.
    services = POSTGRES["serializedConfig"]["services"]
    simulated = {id_: {**service, "source": {"image": OTHER_IMAGE}} for id_, service in services.items()}
    given = {"templateId": POSTGRES["id"], "serializedConfig": {"services": simulated}}
    return row and {"input": {**given, "projectId": row["projectId"], "environmentId": row["id"]}}


RARE = frozenset({"projectDelete", "projectScheduleDelete", "environmentDelete", "cliEventTrack"})
"""Of these one is enough in many programs: after it there is little left to work beside."""
