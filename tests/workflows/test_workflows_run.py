"""The build, QA and deploy jobs run: under act, from payloads of GitHub's webhooks, with a real registry.

Their third-party actions are small stand-ins of ours (standins/): the build's pushes an image to the registry, QA's
docker runs the runtime or the pool manager as a process. What is tried here is what the workflows themselves say: which
jobs run in which order, on which condition, and what is handed from one to the next.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from convos_infra.registry.resolve import resolve
from tests.registry.conftest import Registry

CHECKOUT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
COMMIT = "3b8f1c2d4e5a69788796a5b4c3d2e1f00f1e2d3c"
STANDINS = {
    "actions/checkout": "checkout",
    "docker/setup-buildx-action": "setup-buildx",
    "docker/login-action": "login",
    "docker/metadata-action": "metadata",
    "docker/build-push-action": "build-push",
}
MAKEFILE = """\
script:
\t@echo "$$GITHUB_JOB make $(RUN) stack=$$STACK image=$$IMAGE digest=$$DIGEST packages=$$PACKAGES" >> "$$STANDIN_NOTES"
"""
"""Takes the place of the real front door in the deploy's job: what it is given is what matters here."""


@dataclass(frozen=True)
class Run:
    """A run of a workflow.

    Attributes:
        code: act's exit code.
        text: its log.
        notes: what the stand-ins noted, in order: `JOB WORD …`.
        jobs: job -> success or failure; what was skipped is not here.
    """

    code: int
    text: str
    notes: list[str]
    jobs: dict[str, str]

    def of(self, word: str) -> list[str]:
        """Return the notes that have a word."""
        return [note for note in self.notes if word in note.split()]


class World:
    """A repository with our workflows, in which act runs."""

    def __init__(self, folder: Path, act: str, registry: str, files: Mapping[str, str] | None = None) -> None:
        self.folder, self.act, self.registry = folder, act, registry
        self.repository = folder / "repository"
        self.packages = f"{registry}/xmtplabs"
        self.image = f"{self.packages}/convos-runtime"
        for name in (".github", "ops", "pool", "runtime"):
            ignored = shutil.ignore_patterns("__pycache__", "node_modules", ".env")
            shutil.copytree(CHECKOUT / name, self.repository / name, ignore=ignored)
        for path, content in {"Makefile": MAKEFILE, **(files or {})}.items():
            (self.repository / path).write_text(content)
        for command in (
            ["init", "--quiet", "--initial-branch", "main"],
            ["remote", "add", "origin", "https://github.com/xmtplabs/convos-managed-agent-runtime.git"],
            ["add", "--all"],
            ["commit", "--quiet", "--message", "all"],
            *(
                ["update-ref", f"refs/remotes/origin/{branch}", "HEAD"]
                for branch in ("scaling", "dev", "staging", "main")
            ),
        ):
            self.git(*command)
        self.commit = self.git("rev-parse", "HEAD")

    def git(self, *command: str, stdin: str = "") -> str:
        """Run git in the repository, and return what it says."""
        who = ["-c", "user.name=t", "-c", "user.email=t@example.test"]
        done = subprocess.run(
            ["git", *who, *command], cwd=self.repository, input=stdin, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def owner(self, name: str) -> None:
        """Have the repository belong to somebody else."""
        url = f"https://github.com/{name}/convos-managed-agent-runtime.git"
        subprocess.run(["git", "remote", "set-url", "origin", url], cwd=self.repository, check=True)

    def run(self, event: str, payload: Any, image: str = "runtime", **variables: str) -> Run:
        """Run the build of an image for an event; without an image, the deploy itself."""
        place = self.folder / f"run-{len(list(self.folder.iterdir()))}"
        place.mkdir()
        notes = place / "notes"
        notes.touch()
        # The payloads name a commit; here it is the repository's own.
        (place / "event.json").write_text(json.dumps(payload).replace(COMMIT, self.commit))
        variables = {
            "STANDIN_SOURCE": str(self.repository),
            "STANDIN_NOTES": str(notes),
            "STANDIN_PYTHON": sys.executable,
            "STANDIN_FOLDER": str(HERE / "standins"),
            "PYTHONPATH": str(CHECKOUT),
            "QA_SETTLE_SECONDS": "0",
            "QA_POLL_SECONDS": "0.2",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            **variables,
        }
        command = [self.act, event, "--eventpath", str(place / "event.json"), "--rm", "--no-cache-server", "--json"]
        workflow = f".github/workflows/{'build-' if image else ''}{image or 'deploy'}.yml"
        command += ["--workflows", workflow, "--platform", "ubuntu-latest=-self-hosted"]
        command += ["--var", f"RUNTIME_REGISTRY={self.registry}", "--secret", "GITHUB_TOKEN=not-a-token"]
        command += ["--secret", "PULUMI_CONFIG_PASSPHRASE=a-passphrase"]  # a job that has none stops
        for name, value in variables.items():
            command += ["--env", f"{name}={value}"]
        workflows = self.repository / ".github" / "workflows"
        names = ("build-runtime.yml", "build-pool.yml", "build-image.yml", "deploy.yml")
        text = "".join((workflows / name).read_text() for name in names)
        for action, pin in set(re.findall(r"uses: ([\w./-]+)@([0-9a-f]{40})", text)):
            command += ["--local-repository", f"{action}@{pin}={HERE / 'standins' / STANDINS[action]}"]
        path = f"{HERE / 'standins' / 'bin'}:{os.environ['PATH']}"
        # Where act keeps what it fetched and how it was set up is the user's; nothing of that is asked here.
        env = {**os.environ, "PATH": path, "HOME": str(place), "XDG_CACHE_HOME": str(place / "cache")}
        done = subprocess.run(
            command, cwd=self.repository, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180
        )
        return Run(done.returncode, done.stdout + done.stderr, notes.read_text().splitlines(), _jobs(done.stdout))


def _jobs(log: str) -> dict[str, str]:
    found = {}
    for line in log.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if "jobResult" in entry:
            found[str(entry["jobID"])] = str(entry["jobResult"])
    return found


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, workflow_tools: dict[str, str], registry: Registry) -> World:
    if shutil.which("node") is None:
        pytest.skip("no node on PATH to run the runtime with")
    return World(tmp_path_factory.mktemp("act"), workflow_tools["act"], registry.host)


def event(name: str) -> Any:
    return json.loads((HERE / "events" / f"{name}.json").read_text())


def branch_event(branch: str) -> Any:
    return event(f"push-{branch}")


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
    assert f"tag staging stays as it is: branch staging has {newer[:7]}" in run.text


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
