"""The kinds of tokens, and what each reaches."""

from __future__ import annotations

from ops.conformance import documents
from ops.conformance.sandbox import Sandbox, nodes
from ops.conformance.scenario import Scenario
from railway_api import documents as sent


def _introspected(stage: Sandbox) -> bool:
    found = stage.callers.project.ask(sent.PROJECT_TOKEN, {})["projectToken"]
    return bool(found["projectId"] == stage.project_id and found["environmentId"] == stage.environment_id)


def _workspaces(stage: Sandbox) -> bool:
    found = stage.ask(sent.WORKSPACES)["apiToken"]["workspaces"]
    return stage.workspace_id in {row["id"] for row in found}


def _own_environment(stage: Sandbox) -> str:
    return stage.refused(documents.CONFIG, stage.callers.project, id=stage.environment_id, opened=False)


def _other_environment(stage: Sandbox) -> list[str]:
    reads = stage.refused(documents.CONFIG, stage.callers.project, id=stage.fork_id, opened=True)
    writes = stage.refused(sent.PATCH_COMMIT, stage.callers.project, environmentId=stage.fork_id, patch={}, message="")
    return [reads, writes]


def _the_project(stage: Sandbox) -> list[str]:
    rename = stage.refused(
        sent.PROJECT_UPDATE, stage.callers.project, id=stage.project_id, input={"description": "changed"}
    )
    create = stage.refused(
        sent.ENVIRONMENT_CREATE, stage.callers.project, input={"projectId": stage.project_id, "name": "no"}
    )
    return [rename, create]


def _every_instance(stage: Sandbox) -> str:
    id_ = stage.service("all-environments")
    stage.commit({"services": {id_: {"isCreated": True}}}, environment_id=stage.fork_id)
    return stage.refused(
        documents.INSTANCE_UPDATE, stage.callers.project, serviceId=id_, environmentId=None, input={"startCommand": "x"}
    )


def _writes_own(stage: Sandbox) -> str:
    id_ = stage.service("own-variable")
    here = {"projectId": stage.project_id, "environmentId": stage.environment_id, "serviceId": id_}
    given = {**here, "name": "A", "value": "1", "skipDeploys": True}
    return stage.refused(documents.UPSERT, stage.callers.project, input=given)


def _shown_once(stage: Sandbox) -> list[bool]:
    given = {"projectId": stage.project_id, "environmentId": stage.environment_id, "name": "shown-once"}
    value = str(stage.ask(sent.PROJECT_TOKEN_CREATE, input=given)["projectTokenCreate"])
    names = stage.lately(lambda: _names(stage), {"conformance", "shown-once"})
    shown = nodes(stage.ask(documents.DISPLAYED_TOKENS, projectId=stage.project_id)["projectTokens"])
    listed = nodes(stage.ask(sent.PROJECT_TOKENS, projectId=stage.project_id)["projectTokens"])
    (made,) = [row["id"] for row in listed if row["name"] == "shown-once"]
    stage.ask(sent.PROJECT_TOKEN_DELETE, id=made)
    return ["shown-once" in names, any(row["displayToken"] == value for row in shown)]


def _names(stage: Sandbox) -> set[str]:
    return {row["name"] for row in nodes(stage.ask(sent.PROJECT_TOKENS, projectId=stage.project_id)["projectTokens"])}


def _template(stage: Sandbox) -> bool:
    return bool(stage.callers.nobody.ask(documents.TEMPLATE, {})["template"]["serializedConfig"])


def _team(stage: Sandbox) -> bool:
    found = stage.ask(documents.TEAM, id=stage.workspace_id)["workspace"]
    return bool(found["team"]["id"])


SCENARIOS = (
    Scenario("project-token-says-where-it-is-of", ("account-only-me",), _introspected, expected=True),
    Scenario("account-token-says-its-workspaces", ("account-only-me",), _workspaces, expected=True),
    Scenario(
        "me-with-a-project-token",
        ("account-only-me", "not-authorized-is-ambiguous"),
        lambda s: s.refused(documents.ME, s.callers.project),
        "Not Authorized",
    ),
    Scenario(
        "wrong-token",
        ("not-authorized-is-ambiguous",),
        lambda s: s.refused(documents.API_TOKEN, s.callers.stranger),
        "Not Authorized",
    ),
    Scenario(
        "blank-token", ("unauthenticated",), lambda s: s.refused(documents.API_TOKEN, s.callers.blank), "Not Authorized"
    ),
    Scenario(
        "no-token", ("unauthenticated",), lambda s: s.refused(documents.API_TOKEN, s.callers.nobody), "Not Authorized"
    ),
    Scenario(
        "second-factor-of-a-token", ("two-factor-of-tokens",), lambda s: s.refused(documents.TWO_FACTOR), "accepted"
    ),
    Scenario("project-token-reads-its-environment", ("project-token-reach",), _own_environment, "accepted"),
    Scenario(
        "project-token-writes-its-environment",
        ("project-token-reach",),
        _writes_own,
        "accepted",
        otherwise="Not Authorized",
    ),
    Scenario(
        "project-token-and-another-environment",
        ("project-token-reach",),
        _other_environment,
        ["Not Authorized", "Not Authorized"],
    ),
    Scenario(
        "project-token-and-the-project", ("project-token-reach",), _the_project, ["Not Authorized", "Not Authorized"]
    ),
    Scenario("project-token-and-every-instance", ("project-token-reach",), _every_instance, "Not Authorized"),
    Scenario("token-is-shown-once", ("project-token-shown-once",), _shown_once, [True, False]),
    Scenario("template-without-a-token", ("template-is-public",), _template, expected=True),
    Scenario("workspace-has-a-team", ("team-of-workspace",), _team, expected=True),
)
