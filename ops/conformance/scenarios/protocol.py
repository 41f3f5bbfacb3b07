"""Documents, errors, pages and limits."""

from __future__ import annotations

from typing import Any

from ops.conformance import documents
from ops.conformance.caller import Refusal
from ops.conformance.sandbox import Sandbox, nodes
from ops.conformance.scenario import Scenario
from railway_api import documents as sent


def _kind(stage: Sandbox, document: str, **variables: Any) -> str:
    try:
        stage.ask(document, **variables)
    except Refusal as refusal:
        return refusal.kind
    return "accepted"


def _is_uuid(stage: Sandbox) -> list[bool]:
    ids = (stage.workspace_id, stage.project_id, stage.environment_id)
    return [len(id_) == 36 and id_.count("-") == 4 for id_ in ids]


def _last_page(stage: Sandbox) -> list[bool]:
    pages, after = [], None
    for _ in range(10):
        page = stage.ask(documents.ENVIRONMENTS, id=stage.project_id, after=after)["project"]["environments"]
        pages.append(page["pageInfo"])
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    return [bool(pages[-1]["endCursor"]), len(pages) > 1]


def _trap(stage: Sandbox) -> str:
    given = {"projectId": stage.project_id, "environmentId": stage.environment_id}
    stage.ask(documents.UPSERT, input={**given, "name": "TRAP", "value": "1", "skipDeploys": True})
    kind = stage.lately(lambda: _kind(stage, documents.VARIABLE_SERVICES, id=stage.environment_id), "Opaque")
    stage.ask(documents.VARIABLE_DELETE, input={**given, "name": "TRAP"})
    return str(kind)


def _schema_without_token(stage: Sandbox) -> bool:
    return bool(stage.callers.nobody.ask(documents.SCHEMA, {})["__schema"]["queryType"]["name"])


def _staged_nothing(stage: Sandbox) -> str:
    answer = stage.ask(sent.STAGED_CHANGES, environmentId=stage.environment_id)
    return str(answer["environmentStagedChanges"]["id"])


def _tells_limit(stage: Sandbox) -> bool:
    stage.ask(documents.API_TOKEN)
    return stage.tells_limit()


def _deleted_environment(stage: Sandbox) -> bool:
    given = {"projectId": stage.project_id, "name": "gone"}
    id_ = stage.ask(sent.ENVIRONMENT_CREATE, input=given)["environmentCreate"]["id"]
    stage.ask(sent.ENVIRONMENT_RENAME, id=id_, input={"name": "going"})
    stage.ask(sent.ENVIRONMENT_DELETE, id=id_)

    def listed() -> bool:
        answer = stage.ask(sent.PROJECT, id=stage.project_id)["project"]["environments"]
        return id_ in {row["id"] for row in nodes(answer) if not row["deletedAt"]}

    return bool(stage.lately(listed, expected=False))


def _same_environment_name(stage: Sandbox) -> str:
    stage.ask(sent.ENVIRONMENT_RENAME, id=stage.fork_id, input={"name": "taken"})
    return _kind(stage, sent.ENVIRONMENT_CREATE, input={"projectId": stage.project_id, "name": "taken"})


SCENARIOS = (
    Scenario("document-does-not-parse", ("bad-document",), lambda s: _kind(s, documents.NOT_A_DOCUMENT), "Invalid"),
    Scenario("field-does-not-exist", ("bad-document",), lambda s: _kind(s, documents.NOT_A_FIELD), "Invalid"),
    Scenario(
        "variable-of-wrong-type",
        ("opaque-variable-types",),
        lambda s: _kind(s, documents.SERVICE, id=["not", "a", "text"]),
        "Opaque",
    ),
    Scenario(
        "refusal-is-told-by-its-message",
        ("message-only",),
        lambda s: _kind(s, documents.INSTANCE, environmentId=s.environment_id, serviceId=s.made_up()),
        "NotFound",
    ),
    Scenario("ids-are-uuids", ("workspace-id-uuid",), _is_uuid, [True, True, True]),
    Scenario("last-page-has-a-cursor", ("last-page-cursor",), _last_page, [True, True]),
    Scenario("null-behind-a-promise", ("non-null-trap",), _trap, "Opaque"),
    Scenario("introspection-without-a-token", ("introspection-is-public",), _schema_without_token, expected=True),
    Scenario("nothing-staged", ("staged-never-null",), _staged_nothing, "<empty>"),
    Scenario("rate-limit-is-told", ("rate-limit-headers",), _tells_limit, expected=True),
    Scenario(
        "deleted-environment-leaves-the-list",
        ("deleted-environment-answers", "creation-throttle"),
        _deleted_environment,
        expected=False,
    ),
    Scenario("environment-of-a-taken-name", ("environment-name-unique",), _same_environment_name, "AlreadyExists"),
)
