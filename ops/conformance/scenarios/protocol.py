"""Documents, errors, pages and limits."""

from __future__ import annotations

from typing import Any

from ops.conformance import documents
from ops.conformance.caller import Refusal
from ops.conformance.sandbox import Sandbox, nodes
from ops.conformance.scenario import Scenario
from railway_api import documents as sent


def _kind(sandbox: Sandbox, document: str, **variables: Any) -> str:
    try:
        sandbox.ask(document, **variables)
    except Refusal as refusal:
        return refusal.kind
    return "accepted"


def _is_uuid(sandbox: Sandbox) -> list[bool]:
    ids = (sandbox.workspace_id, sandbox.project_id, sandbox.environment_id)
    return [len(id_) == 36 and id_.count("-") == 4 for id_ in ids]


def _last_page(sandbox: Sandbox) -> list[bool]:
    pages, after = [], None
    for _ in range(10):
        page = sandbox.ask(documents.ENVIRONMENTS, id=sandbox.project_id, after=after)["project"]["environments"]
        pages.append(page["pageInfo"])
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    return [bool(pages[-1]["endCursor"]), len(pages) > 1]


def _trap(sandbox: Sandbox) -> str:
    given = {"projectId": sandbox.project_id, "environmentId": sandbox.environment_id}
    sandbox.ask(documents.UPSERT, input={**given, "name": "TRAP", "value": "1", "skipDeploys": True})
    kind = sandbox.lately(lambda: _kind(sandbox, documents.VARIABLE_SERVICES, id=sandbox.environment_id), "Opaque")
    sandbox.ask(documents.VARIABLE_DELETE, input={**given, "name": "TRAP"})
    return str(kind)


def _schema_without_token(sandbox: Sandbox) -> bool:
    return bool(sandbox.callers.nobody.ask(documents.SCHEMA, {})["__schema"]["queryType"]["name"])


def _staged_nothing(sandbox: Sandbox) -> str:
    answer = sandbox.ask(sent.STAGED_CHANGES, environmentId=sandbox.environment_id)
    return str(answer["environmentStagedChanges"]["id"])


def _tells_limit(sandbox: Sandbox) -> bool:
    sandbox.ask(documents.API_TOKEN)
    return sandbox.tells_limit()


def _deleted_environment(sandbox: Sandbox) -> bool:
    given = {"projectId": sandbox.project_id, "name": "gone"}
    id_ = sandbox.ask(sent.ENVIRONMENT_CREATE, input=given)["environmentCreate"]["id"]
    sandbox.ask(sent.ENVIRONMENT_RENAME, id=id_, input={"name": "going"})
    sandbox.ask(sent.ENVIRONMENT_DELETE, id=id_)

    def listed() -> bool:
        answer = sandbox.ask(sent.PROJECT, id=sandbox.project_id)["project"]["environments"]
        return id_ in {row["id"] for row in nodes(answer) if not row["deletedAt"]}

    return bool(sandbox.lately(listed, expected=False))


def _same_environment_name(sandbox: Sandbox) -> str:
    sandbox.ask(sent.ENVIRONMENT_RENAME, id=sandbox.fork_id, input={"name": "taken"})
    return _kind(sandbox, sent.ENVIRONMENT_CREATE, input={"projectId": sandbox.project_id, "name": "taken"})


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
