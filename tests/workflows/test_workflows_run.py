"""The build, QA and deploy jobs run: under act, from payloads of GitHub's webhooks, with a real registry.

Their third-party actions are small stand-ins of ours (standins/): the build's pushes an image to the registry, QA's
docker runs the runtime or the pool manager as a process. What is tried here is what the workflows themselves say: which
jobs run in which order, on which condition, and what is handed from one to the next.
"""

from __future__ import annotations

import json
import shutil

import pytest

from convos_infra.registry.resolve import resolve
from tests import needs
from tests.registry.conftest import Registry
from tests.workflows.act_world import World, branch_event, event


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, workflow_tools: dict[str, str], registry: Registry) -> World:
    if shutil.which("node") is None:
        needs.NODE.skip()
    return World(tmp_path_factory.mktemp("act"), workflow_tools["act"], registry.host)


@pytest.mark.parametrize(
    ("branch", "tag"), [("scaling", "scaling"), ("dev", "dev"), ("staging", "staging"), ("main", "production")]
)
def test_a_push_builds_tags_and_hands_its_digest_to_the_deploy_of_its_stack(
    world: World, branch: str, tag: str
) -> None:
    run = world.run("push", branch_event(branch))
    assert run.code == 0, run.text
    built = resolve(f"{world.image}:{tag}")
    assert built.revision == world.commit
    assert resolve(f"{world.image}:sha-{world.commit[:7]}").digest == built.digest
    assert run.of("build")[-1] == (
        f"build build push=true tags={world.image}:{tag},{world.image}:sha-{world.commit[:7]} {built.digest}"
    )
    assert run.of("make") == [
        f"up make deploy stack={tag} image=runtime digest={built.digest} packages={world.packages}"
    ]
    assert run.of("docker") == [], "QA is for pull requests"
    assert run.jobs == {"build": "success", "decide": "success", "up": "success"}


def test_an_old_build_that_is_run_again_leaves_the_branchs_tag_alone(world: World) -> None:
    tree = world.git("rev-parse", "HEAD^{tree}:ops")  # a runtime/ that differs
    index = world.git("rev-parse", "HEAD")
    newer = world.git(
        "commit-tree", world.git("mktree", stdin=f"040000 tree {tree}\truntime\n"), "-p", index, "-m", "n"
    )
    world.git("update-ref", "refs/remotes/origin/staging", newer)
    try:
        run = world.run("push", branch_event("staging"))
    finally:
        world.git("update-ref", "refs/remotes/origin/staging", world.commit)
    assert run.code == 0, run.text
    short = f"{world.image}:sha-{world.commit[:7]}"
    assert [note.rpartition(" ")[0] for note in run.of("build") if "push=" in note] == [
        f"build build push=true tags={short}"
    ]
    assert f"tag staging stays as it is: branch staging has the newer {newer[:7]}" in run.text


def test_a_pull_request_is_built_once_and_exactly_its_digest_is_checked(world: World) -> None:
    run = world.run("pull_request", event("pull-request"))
    assert run.code == 0, run.text
    built = resolve(f"{world.image}:pr-98")
    assert run.of("docker") == [f"qa docker run {world.image}@{built.digest} node scripts/pool-server.js"]
    assert run.jobs == {"build": "success", "qa": "success"}
    assert [note.partition(" ")[0] for note in run.notes] == sorted(note.partition(" ")[0] for note in run.notes)
    assert {note for note in run.notes if "checkout" in note} == {
        f"build checkout ref={world.commit} persist=false",
        f"qa checkout ref={world.commit} persist=false",
    }
    assert "passed, 0 failed" in run.text
    assert run.of("make") == []


def test_a_forks_pull_request_is_built_and_checked_and_pushed_nowhere(world: World) -> None:
    run = world.run("pull_request", event("pull-request-fork"))
    assert run.code == 0, run.text
    assert run.of("login") == []
    assert run.of("docker") == ["build docker run convos:qa node scripts/pool-server.js"]
    assert [note for note in run.notes if " build " in note] == ["build build push=false tags=convos:qa "]
    assert run.jobs == {"build": "success"}


def test_a_build_that_fails_is_the_runs_failure_and_nothing_is_deployed(world: World) -> None:
    run = world.run("push", branch_event("dev"), STANDIN_BREAK="build")
    assert run.code != 0
    assert "the build is broken, as the test wants it" in run.text
    assert run.jobs == {"build": "failure"}
    assert run.of("make") == []


def test_an_event_that_the_rules_cannot_read_fails_the_build(world: World) -> None:
    """The rules' script stands before a pipe: without pipefail its failure would be no tags, and no word."""
    broken = event("pull-request")
    broken["pull_request"]["number"] = None
    run = world.run("pull_request", broken)
    assert run.code != 0
    assert "the pull request has no number" in run.text
    assert run.of("build-push") == run.of("docker") == []
    assert run.jobs == {"build": "failure"}


def test_an_image_that_exits_fails_qa_with_its_log(world: World) -> None:
    run = world.run("pull_request", event("pull-request"), STANDIN_BREAK="image")
    assert run.code != 0
    assert run.jobs == {"build": "success", "qa": "failure"}
    assert "the container ended with exit code 1 before it was ready" in run.text
    assert "gateway: RUNTIME_EXIT=1" in run.text


def test_a_push_to_another_branch_builds_and_pushes_nothing_that_is_deployed(world: World) -> None:
    """GitHub's own filter keeps it away; should that ever be widened, the rules still do."""
    run = world.run("push", event("push-other-branch"))
    assert run.code == 0, run.text
    assert run.of("login") == []
    assert run.of("make") == []
    assert run.jobs == {"build": "success"}


def test_a_push_of_the_pool_manager_builds_its_image_and_hands_its_digest_to_the_deploy(world: World) -> None:
    run = world.run("push", branch_event("scaling"), image="pool")
    assert run.code == 0, run.text
    location = f"{world.packages}/convos-pool"
    built = resolve(f"{location}:scaling")
    assert built.revision == world.commit
    assert resolve(f"{location}:sha-{world.commit[:7]}").digest == built.digest
    assert run.of("make") == [
        f"up make deploy stack=scaling image=pool digest={built.digest} packages={world.packages}"
    ]
    assert run.jobs == {"build": "success", "decide": "success", "up": "success"}


def test_a_pull_request_of_the_pool_manager_is_built_and_exactly_its_digest_is_checked(world: World) -> None:
    run = world.run("pull_request", event("pull-request"), image="pool")
    assert run.code == 0, run.text
    built = resolve(f"{world.packages}/convos-pool:pr-98")
    assert run.of("docker") == [f"qa docker run {world.packages}/convos-pool@{built.digest} "]
    assert run.jobs == {"build": "success", "qa": "success"}
    assert "healthy: " in run.text


def test_a_forks_pull_request_of_the_pool_manager_is_checked_where_it_was_built(world: World) -> None:
    run = world.run("pull_request", event("pull-request-fork"), image="pool")
    assert run.code == 0, run.text
    assert run.of("docker") == ["build docker run convos:qa "]
    assert run.jobs == {"build": "success"}


def test_a_pool_manager_that_does_not_start_fails_qa_with_its_log(world: World) -> None:
    run = world.run("pull_request", event("pull-request"), image="pool", STANDIN_BREAK="image")
    assert run.code != 0
    assert run.jobs == {"build": "success", "qa": "failure"}
    assert "the container ended with exit code 1 before it was ready" in run.text
    assert "DATABASE_URL" in run.text


def test_an_owner_in_capitals_is_one_in_lower_case_for_the_registry(world: World) -> None:
    payload = event("pull-request")
    text = json.dumps(payload).replace("xmtplabs/", "XMTPLabs/")
    world.owner("XMTPLabs")
    try:
        run = world.run("pull_request", json.loads(text))
        pushed = world.run("push", branch_event("dev"))
    finally:
        world.owner("xmtplabs")
    assert run.code == 0, run.text
    built = resolve(f"{world.image}:pr-98")
    assert run.of("docker") == [f"qa docker run {world.image}@{built.digest} node scripts/pool-server.js"]
    digest = resolve(f"{world.image}:dev").digest
    packages = f"{world.registry}/XMTPLabs"
    assert pushed.of("make") == [f"up make deploy stack=dev image=runtime digest={digest} packages={packages}"]
