"""A whole environment goes and comes back; what others have in the same project stays."""

from __future__ import annotations

import json
import re
import urllib.request

import pytest

from tests.stack.fix_stack import NO_PROXY, QUIET, LocalStack

pytestmark = pytest.mark.stack


def ask(stack: LocalStack, endpoint: str, document: str, **variables: object) -> dict[str, object]:
    """Do something on Railway as somebody else would, by its API."""
    token = (stack.checkout / ".local" / "token").read_text().strip()
    request = urllib.request.Request(
        endpoint,
        json.dumps({"query": document, "variables": variables}).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with NO_PROXY.open(request, timeout=30) as answer:
        body = json.load(answer)
    assert not body.get("errors"), body
    data: dict[str, object] = body["data"]
    return data


CREATE = "mutation e($input: EnvironmentCreateInput!) { environmentCreate(input: $input) { id } }"
SERVICE = "mutation s($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"
DELETE = "mutation d($id: String!) { environmentDelete(id: $id) }"
SERVICE_DELETE = "mutation g($id: String!) { serviceDelete(id: $id) }"


LABEL = "label=convos.emulator.data={}/.local/emulator"


def refuses_while_somebody_has_an_agent(stack: LocalStack, pool: dict[str, str]) -> None:
    """Idle agents may go with their stack, one that somebody talks with may not; then it may."""
    call = urllib.request.Request(
        f"{pool['url']}/api/pool/claim",
        b'{"agentName": "Ada", "instructions": "Be brief."}',
        {"Authorization": f"Bearer {pool['apiKey']}"},
    )
    with NO_PROXY.open(call, timeout=60) as answer:
        id_ = json.load(answer)["instanceId"]
    refused = stack.pulumi("destroy", "--stack", "local", "--yes", *QUIET)
    assert refused.code != 0
    # The tick after a claim gives the service its claimed name.
    in_use = rf"agents: in use: convos-agent-(ada-)?{id_} \(claimed\) \(let them end first; or, to"
    assert re.search(in_use, refused.text), refused.text
    assert stack.preview("--expect-no-changes").code == 0, "nothing was destroyed"


def test_destroy_removes_what_is_ours_and_leaves_what_is_not_and_up_makes_it_again(stack: LocalStack) -> None:
    before = stack.outputs()
    endpoint, project_id = before["railway"]["endpoint"], before["environment"]["projectId"]
    theirs = ask(stack, endpoint, CREATE, input={"projectId": project_id, "name": "somebody-elses"})
    their_id = theirs["environmentCreate"]["id"]  # type: ignore[index]
    made = ask(stack, endpoint, SERVICE, input={"projectId": project_id, "environmentId": their_id, "name": "theirs"})
    base = f"{endpoint.removesuffix('/graphql/v2')}/_emulator/snapshot"

    def snapshot(environment_id: str) -> str:
        with NO_PROXY.open(f"{base}?environment={environment_id}", timeout=10) as answer:
            found = json.load(answer)
        found["service"] = [row for row in found["service"] if row["name"] == "theirs"]
        return json.dumps(found, sort_keys=True)

    kept = snapshot(their_id)
    if before["poolManager"]["mode"] == "container":
        refuses_while_somebody_has_an_agent(stack, before["poolManager"])
    done = stack.pulumi("destroy", "--stack", "local", "--yes", *QUIET, env={"AGENTS_ON_DESTROY": "delete"})
    assert done.code == 0, done.text
    with NO_PROXY.open(base, timeout=10) as answer:
        (project,) = json.load(answer)["projects"]
    assert sorted(row["name"] for row in project["environments"]) == ["base", "somebody-elses"]
    assert [row["name"] for row in project["services"]] == ["theirs"]
    assert project["volumes"] == []
    assert snapshot(their_id) == kept
    if before["canary"]["mode"] == "container":
        left = stack.shell("docker", "ps", "--all", "--filter", LABEL.format(stack.checkout), "--format", "{{.Names}}")
        assert left.text == ""

    # Outside of forks a service is in the base too, from which later tests fork.
    ask(stack, endpoint, SERVICE_DELETE, id=made["serviceCreate"]["id"])  # type: ignore[index]
    ask(stack, endpoint, DELETE, id=their_id)
    again = stack.up()
    assert again.code == 0, again.text
    after = stack.outputs()
    assert after["environment"]["projectId"] == project_id
    assert after["environment"]["id"] != before["environment"]["id"]
    assert after["image"]["digest"] == before["image"]["digest"]
    assert after["database"]["schemaVersion"] == before["database"]["schemaVersion"]
