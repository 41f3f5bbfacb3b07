"""The kinds of tokens, and what each reaches."""

from __future__ import annotations

from ops.conformance import documents
from ops.conformance.sandbox import Sandbox, nodes
from ops.conformance.scenario import Scenario
from railway_api import documents as sent


def _introspected(sandbox: Sandbox) -> bool:
    found = sandbox.callers.project.ask(sent.PROJECT_TOKEN, {})["projectToken"]
    return bool(found["projectId"] == sandbox.project_id and found["environmentId"] == sandbox.environment_id)


def _workspaces(sandbox: Sandbox) -> bool:
    found = sandbox.ask(sent.WORKSPACES)["apiToken"]["workspaces"]
    return sandbox.workspace_id in {row["id"] for row in found}


def _own_environment(sandbox: Sandbox) -> str:
    return sandbox.refused(documents.CONFIG, sandbox.callers.project, id=sandbox.environment_id, opened=False)


def _other_environment(sandbox: Sandbox) -> list[str]:
    reads = sandbox.refused(documents.CONFIG, sandbox.callers.project, id=sandbox.fork_id, opened=True)
    writes = sandbox.refused(
        sent.PATCH_COMMIT, sandbox.callers.project, environmentId=sandbox.fork_id, patch={}, message=""
    )
    return [reads, writes]


def _the_project(sandbox: Sandbox) -> list[str]:
    rename = sandbox.refused(
        sent.PROJECT_UPDATE, sandbox.callers.project, id=sandbox.project_id, input={"description": "changed"}
    )
    create = sandbox.refused(
        sent.ENVIRONMENT_CREATE, sandbox.callers.project, input={"projectId": sandbox.project_id, "name": "no"}
    )
    return [rename, create]


def _every_instance(sandbox: Sandbox) -> str:
    id_ = sandbox.service("all-environments")
    sandbox.commit({"services": {id_: {"isCreated": True}}}, environment_id=sandbox.fork_id)
    return sandbox.refused(
        documents.INSTANCE_UPDATE,
        sandbox.callers.project,
        serviceId=id_,
        environmentId=None,
        input={"startCommand": "x"},
    )


def _writes_own(sandbox: Sandbox) -> str:
    id_ = sandbox.service("own-variable")
    here = {"projectId": sandbox.project_id, "environmentId": sandbox.environment_id, "serviceId": id_}
    given = {**here, "name": "A", "value": "1", "skipDeploys": True}
    return sandbox.refused(documents.UPSERT, sandbox.callers.project, input=given)


def _shown_once(sandbox: Sandbox) -> list[bool]:
    given = {"projectId": sandbox.project_id, "environmentId": sandbox.environment_id, "name": "shown-once"}
    value = str(sandbox.ask(sent.PROJECT_TOKEN_CREATE, input=given)["projectTokenCreate"])
    names = sandbox.lately(lambda: _names(sandbox), {"conformance", "shown-once"})
    shown = nodes(sandbox.ask(documents.DISPLAYED_TOKENS, projectId=sandbox.project_id)["projectTokens"])
    listed = nodes(sandbox.ask(sent.PROJECT_TOKENS, projectId=sandbox.project_id)["projectTokens"])
    (made,) = [row["id"] for row in listed if row["name"] == "shown-once"]
    sandbox.ask(sent.PROJECT_TOKEN_DELETE, id=made)
    return ["shown-once" in names, any(row["displayToken"] == value for row in shown)]


def _names(sandbox: Sandbox) -> set[str]:
    return {
        row["name"] for row in nodes(sandbox.ask(sent.PROJECT_TOKENS, projectId=sandbox.project_id)["projectTokens"])
    }


def _template(sandbox: Sandbox) -> bool:
    return bool(sandbox.callers.nobody.ask(documents.TEMPLATE, {})["template"]["serializedConfig"])


def _team(sandbox: Sandbox) -> bool:
    found = sandbox.ask(documents.TEAM, id=sandbox.workspace_id)["workspace"]
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
