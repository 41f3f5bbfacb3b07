"""The workflows' scripts on a real stack: the real CLI, the emulator, a real registry, GitHub on loopback."""

from __future__ import annotations

import json
import shutil
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
    return stack.shell("python", "-m", f"scripts.{arguments[0]}", *arguments[1:], env=env)


def location(stack: LocalStack) -> str:
    """Return the runtime image's repository in the local registry."""
    return str(stack.outputs()["image"]["reference"]).partition("@")[0].rpartition(":")[0]


def push(stack: LocalStack, revision: str, *tags: str) -> str:
    """Build and push the runtime image of a revision, which has a digest of its own; return that."""
    references = [f"{location(stack)}:{tag}" for tag in tags]
    done = stack.shell("scripts/build_image.sh", "--push", "runtime", *references, env={"REVISION": revision})
    assert done.code == 0, done.text
    return done.text.split()[-1]


def follow(stack: LocalStack, tag: str) -> None:
    where = location(stack)
    stack.set("imageBuild", "false")
    stack.set("imageRepository", where)
    stack.set("imageBranchTag", tag)


def merged(github: Repository, number: int) -> None:
    github.pulls[number] = {
        "number": number,
        "merged_at": datetime.now(UTC).isoformat(),
        "merge_commit_sha": COMMIT,
        "base": {"ref": "main"},
    }
    github.commits[COMMIT] = [number]


def test_what_was_reviewed_is_deployed_with_the_image_just_built_and_nothing_else_is(
    stack: LocalStack, github: Repository
) -> None:
    push(stack, "1" * 40, "follows")
    follow(stack, "follows")
    done = script(stack, github, "preview", "--stack", "local", "--pull-request", "7")
    assert done.code == 0, done.text
    (comment,) = github.comments
    assert "### Preview of `local`: 2 deployments" in comment["body"]
    assert "convos-runtime-canary: 1 deployment: image" in comment["body"]
    assert 'pinned_by : "build" => "follow"' in comment["body"]

    built = push(stack, "2" * 40, "follows", "sha-2222222")
    merged(github, 7)
    deploy = ("deploy", "--stack", "local", "--branch", "main", "--commit", COMMIT, "--digest", built)
    stack.cost()
    config = stack.checkout / "Pulumi.local.yaml"
    reviewed = config.read_text()
    config.write_text(reviewed.replace("XMTP_ENV: dev", "XMTP_ENV: production"))
    refused = script(stack, github, *deploy)
    assert refused.code == 1, refused.text
    assert 'variables.XMTP_ENV: "dev" -> "production"' in refused.text
    assert "differences from the reviewed preview (#7)" in refused.text
    assert stack.cost() == []

    config.write_text(reviewed)
    done = script(stack, github, *deploy)
    assert done.code == 0, done.text
    assert stack.outputs()["image"]["digest"] == built
    assert [service for _, service in stack.cost()] == [CANARY, "convos-agent-pool-manager"]


def test_a_preview_that_fails_is_told_in_the_comment_too(stack: LocalStack, github: Repository) -> None:
    stack.set("imageTag", "sha-7654321")
    done = script(stack, github, "preview", "--stack", "local", "--pull-request", "7")
    assert done.code == 1
    assert "no tag sha-7654321 in " in github.comments[0]["body"]
    assert "Traceback" not in done.text


def test_a_change_behind_the_stacks_back_fails_and_opens_an_issue(stack: LocalStack, github: Repository) -> None:
    outputs = stack.outputs()
    snapshot = stack.emulator(f"/snapshot?environment={outputs['environment']['id']}")
    service = next(row["id"] for row in snapshot["service"] if row["name"] == CANARY)
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
        assert "resources are not as the last update left them" in done.text
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


def test_a_pull_requests_stack_comes_goes_and_leaves_nothing_and_retention_keeps_what_it_runs(
    stack: LocalStack, github: Repository
) -> None:
    config = stack.checkout / "Pulumi.dev.yaml"
    committed = config.read_text()
    own = push(stack, COMMIT, "pr-7", "sha-3b8f1c2")
    old = push(stack, "4" * 40, "sha-4444444")
    where, digest = location(stack), stack.outputs()["image"]["digest"]
    github.pulls[7] = {"number": 7, "state": "open", "labels": [{"name": "pr-stack"}]}
    try:
        follow(stack, stack.outputs()["image"]["tag"])
        shutil.copy(stack.checkout / "Pulumi.local.yaml", config)
        assert stack.pulumi("stack", "select", "--create", "dev").code == 0
        made = script(stack, github, "pr_stack", "up", PULL_REQUEST="7", REVISION=COMMIT)
        assert made.code == 0, made.text
        assert "### Stack `pr-7`" in github.comments[0]["body"]
        assert script(stack, github, "pr_stack", "sweep").code == 0
        assert "pr-7" in stack.pulumi("stack", "ls").text

        only = ("--repository", where)
        without = ("--without", "scaling", "staging", "production")
        rules = ("--newest", "0", "--days", "0")
        plan = script(stack, github, "retention", "--delete", *rules, *only, *without)
        assert plan.code == 0, plan.text
        host, _, name = where.partition("/")
        images = Images(host, name)
        assert images.pulls(own)
        assert images.pulls(digest)
        assert not images.pulls(old), plan.text
        assert resolve(f"{where}:pr-7").digest == own

        github.pulls[7]["state"] = "closed"
        swept = script(stack, github, "pr_stack", "sweep")
        assert swept.code == 0, swept.text
        assert "pr-7" not in stack.pulumi("stack", "ls").text
        left = stack.emulator("/snapshot")
        assert "pr-7" not in json.dumps(left), "the environment and all in it"
        assert script(stack, github, "pr_stack", "down", PULL_REQUEST="7").code == 0, "again is no mistake"
    finally:
        stack.pulumi("stack", "rm", "--yes", "--force", "dev")
        stack.pulumi("stack", "select", "local")
        config.write_text(committed)
