"""The workflows' scripts on a real stack: the real CLI, the emulator, a real registry, GitHub on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from convos_infra.registry.resolve import resolve
from tests.registry.pushing import Repository as Images
from tests.stack.fix_stack import Done, LocalStack
from tests.workflows.github_double import Repository

pytestmark = pytest.mark.stack
COMMIT = "3b8f1c2d4e5a69788796a5b4c3d2e1f00f1e2d3c"
CANARY = "convos-runtime-canary"


@pytest.fixture
def github() -> Iterator[Repository]:
    with Repository() as found:
        yield found


def script(stack: LocalStack, github: Repository, *arguments: str, **variables: str) -> Done:
    """Run a script as a workflow's step does."""
    env = {
        "GITHUB_REPOSITORY": github.name,
        "GITHUB_TOKEN": github.token,
        "GITHUB_API_URL": github.api,
        "GITHUB_STEP_SUMMARY": str(stack.checkout / ".local" / "summary.md"),
        **variables,
    }
    return stack.shell("python", "-m", "ops", *arguments, env=env)


def location(stack: LocalStack) -> str:
    """Return the runtime image's repository in the local registry."""
    return str(stack.outputs()["image"]["reference"]).partition("@")[0].rpartition(":")[0]


def push(stack: LocalStack, revision: str, *tags: str) -> str:
    """Build and push the runtime image of a revision, which has a digest of its own; return that."""
    references = [f"{location(stack)}:{tag}" for tag in tags]
    done = stack.shell("ops/image/build.sh", "--push", "runtime", *references, env={"REVISION": revision})
    assert done.code == 0, done.text
    return done.text.split()[-1]


@pytest.fixture
def template(stack: LocalStack) -> Iterator[str]:
    """Make the stack `dev`, from which stacks of pull requests are made, a copy of the local one that follows `own`."""
    config = stack.checkout / "Pulumi.dev.yaml"
    committed = config.read_text()
    where = location(stack)
    text = (stack.checkout / "Pulumi.local.yaml").read_text().replace('imageBuild: "true"', 'imageBuild: "false"')
    follows = f"config:\n  convos-infra:imageRepository: {where}\n  convos-infra:imageBranchTag: follows\n"
    config.write_text(text.replace("config:\n", follows, 1))
    try:
        assert stack.pulumi("stack", "select", "--create", "dev").code == 0
        yield where
    finally:
        stack.pulumi("stack", "rm", "--yes", "--force", "dev")
        stack.pulumi("stack", "select", "local")
        config.write_text(committed)


def merged(github: Repository, number: int) -> None:
    how = {"merged_at": datetime.now(UTC).isoformat(), "merge_commit_sha": COMMIT, "base": {"ref": "main"}}
    github.pulls[number] |= how
    github.commits[COMMIT] = [number]


def test_a_preview_that_fails_is_told_in_the_comment_too(stack: LocalStack, github: Repository) -> None:
    stack.set("imageTag", "sha-7654321")
    done = script(stack, github, "preview", "--stack", "local", "--pull-request", "7")
    assert done.code == 1
    assert "no tag sha-7654321 in " in github.comments[0]["body"]
    assert "Traceback" not in done.text


def test_a_change_behind_the_stacks_back_fails_and_opens_an_issue(stack: LocalStack, github: Repository) -> None:
    outputs = stack.outputs()
    snapshot = stack.emulator(f"/snapshot?environment={outputs['environment']['id']}")
    living = snapshot["config"]["services"]
    service = next(row["id"] for row in snapshot["service"] if row["name"] == CANARY and row["id"] in living)
    mutation = {
        "query": "mutation($input: VariableUpsertInput!) { variableUpsert(input: $input) }",
        "variables": {
            "input": {
                "projectId": outputs["environment"]["projectId"],
                "environmentId": outputs["environment"]["id"],
                "serviceId": service,
                "name": "XMTP_ENV",
                "value": "production",
                "skipDeploys": True,
            }
        },
    }
    try:
        assert "errors" not in railway(stack, mutation)
        done = script(stack, github, "drift", "--stack", "local")
        assert done.code == 1, done.text
        assert f"- update railway:ServiceInstance {CANARY}" in github.issues[0]["body"]
        assert "resources have changed since the last update" in done.text
    finally:
        mutation["variables"]["input"]["value"] = "dev"  # type: ignore[index]
        railway(stack, mutation)


def railway(stack: LocalStack, document: dict[str, Any]) -> Any:
    """Send what somebody does on Railway's own page."""
    code = (
        "import json,os,sys,requests; s=requests.Session(); s.trust_env=False; "
        "print(json.dumps(s.post(os.environ['RAILWAY_ENDPOINT'], json=json.loads(sys.argv[1]), "
        "headers={'Authorization': 'Bearer '+os.environ['RAILWAY_API_TOKEN']}, timeout=10).json()))"
    )
    done = stack.shell("python", "-c", code, json.dumps(document))
    assert done.code == 0, done.text
    return json.loads(done.text)


def test_a_pull_requests_stack_is_made_kept_by_retention_previewed_deployed_and_swept(
    stack: LocalStack, github: Repository, template: str
) -> None:
    own, old = push(stack, COMMIT, "pr-7", "sha-3b8f1c2", "follows"), push(stack, "4" * 40, "sha-4444444")
    github.pulls[7] = {"number": 7, "state": "open", "labels": [{"name": "pr-stack"}]}
    github.files_of[7] = ["runtime/scripts/start.sh"]
    made = script(stack, github, "pr_stack", "up", PULL_REQUEST="7", REVISION=COMMIT)
    assert made.code == 0, made.text
    assert "### Stack `pr-7`" in github.comments[0]["body"]

    retention_keeps_what_runs(stack, github, template, own, old)
    only_what_was_reviewed_is_deployed(stack, github)

    early = script(stack, github, "pr_stack", "sweep")
    assert early.code == 0, early.text
    assert "pr-7" in stack.pulumi("stack", "ls").text, f"its time is not over: {early.text}"
    github.pulls[7] |= {"state": "closed", "labels": [{"name": "pr-stack"}]}
    swept = script(stack, github, "pr_stack", "sweep")
    assert swept.code == 0, swept.text
    assert "pr-7" not in stack.pulumi("stack", "ls").text
    assert "pr-7" not in json.dumps(stack.emulator("/snapshot")), "the environment and all in it"
    assert script(stack, github, "pr_stack", "down", PULL_REQUEST="7").code == 0, "again is no mistake"


def retention_keeps_what_runs(stack: LocalStack, github: Repository, where: str, own: str, old: str) -> None:
    arguments = ("--delete", "--newest", "0", "--days", "0", "--repository", where)
    done = script(stack, github, "retention", *arguments, "--without", "scaling", "staging", "production")
    assert done.code == 0, done.text
    host, _, name = where.partition("/")
    assert Images(host, name).pulls(own)
    assert Images(host, name).pulls(stack.outputs()["image"]["digest"]), "of another stack, found on Railway"
    assert not Images(host, name).pulls(old), done.text
    assert resolve(f"{where}:pr-7").digest == own


def only_what_was_reviewed_is_deployed(stack: LocalStack, github: Repository) -> None:
    """The pull request lets the stack follow a tag instead of a pin, whose image is built once more after the merge."""
    config = stack.checkout / "Pulumi.pr-7.yaml"
    config.write_text(config.read_text().replace("  convos-infra:imageTag: pr-7\n", ""))
    done = script(stack, github, "preview", "--stack", "pr-7", "--pull-request", "7")
    assert done.code == 0, done.text
    assert "### Preview of `pr-7`: " in github.comments[1]["body"]
    assert 'pinned_by : "pin" => "follow"' in github.comments[1]["body"]

    built = push(stack, "2" * 40, "follows")
    github.compared[(COMMIT, "2" * 40)] = "ahead"
    merged(github, 7)
    deploy = (
        "deploy",
        "--stack",
        "pr-7",
        "--branch",
        "main",
        "--commit",
        COMMIT,
        "--image",
        "runtime",
        "--digest",
        built,
        "--packages",
        location(stack).rpartition("/")[0],
    )
    reviewed = config.read_text()
    model = "openrouter/anthropic/claude-sonnet-4-6"
    assert model in reviewed
    config.write_text(reviewed.replace(model, "another/model"))
    stack.emulator("/calls", "DELETE")
    refused = script(stack, github, *deploy)
    assert refused.code == 1, refused.text
    assert f'variables.OPENCLAW_PRIMARY_MODEL: "{model}" -> "another/model"' in refused.text
    assert "differences from the reviewed preview (#7)" in refused.text
    assert not [call for call in stack.calls() if call["type"] == "mutation"]

    config.write_text(reviewed)
    done = script(stack, github, *deploy)
    assert done.code == 0, done.text
    assert built in stack.pulumi("stack", "output", "--stack", "pr-7", "--json").text
