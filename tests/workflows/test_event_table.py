"""Which job runs for which event: the table, over payloads of GitHub's webhooks and the workflows as they are.

The builds' own jobs are run under act (test_workflows_run.py); here their decision on the tags is asked.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.ci import deploy_decision, image_tags
from tests.workflows.expressions import starts, truth

CHECKOUT = Path(__file__).resolve().parents[2]
EVENTS = Path(__file__).parent / "events"
HEAD = "3b8f1c2d4e5a69788796a5b4c3d2e1f00f1e2d3c"
SHA = f"sha-{HEAD[:7]}"
RUNTIME, PROGRAM, DOCS = ("runtime/scripts/start.sh",), ("components/pool.py",), ("docs/ci.md",)
POOL = ("pool/convos_pool/server.py",)
BOTH = (*RUNTIME, *PROGRAM)
REPOSITORY = "xmtplabs/convos-managed-agent-runtime"
ALWAYS = "test"


def workflows() -> dict[str, Any]:
    found = {}
    for file in sorted((CHECKOUT / ".github" / "workflows").glob("*.yml")):
        parsed = yaml.safe_load(file.read_text(encoding="utf-8"))
        parsed["on"] = parsed.pop(True)  # YAML 1.1 reads the key `on` as a boolean
        found[file.stem] = parsed
    return found


WORKFLOWS = workflows()


@dataclass(frozen=True)
class Row:
    """One event and what must come of it.

    Attributes:
        name: what happens, in words.
        event, payload, files: GITHUB_EVENT_NAME, the webhook's body, what changed.
        jobs: `workflow/job`, of all workflows but the builds.
        tags: what each build writes whose image's folder has a changed file.
        stack: what a deploy that starts by itself updates; empty if none does.
        variables: the repository's.
    """

    name: str
    event: str
    payload: dict[str, Any]
    jobs: tuple[str, ...]
    files: Sequence[str] = ()
    tags: tuple[str, ...] = ()
    stack: str = ""
    variables: dict[str, str] = field(default_factory=dict)


def payload(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))


def push(ref: str, files: Sequence[str], jobs: str = "", tags: str = "", stack: str = "", **more: Any) -> Row:
    body = {**payload("push-dev"), "ref": ref, **more}
    what = ",".join(f"{key}={value}" for key, value in more.items() if key != "after")
    name = f"push {ref} {'+'.join(files)} {what}".strip()
    return Row(name, "push", body, tuple(jobs.split()), files, tuple(tags.split()), stack)


def pull(
    action: str,
    files: Sequence[str],
    jobs: str,
    tags: str = "",
    *,
    base: str = "main",
    source: str = "here",
    labels: Sequence[str] = (),
    label: str = "",
    author: str = "octocat",
    sender: str = "octocat",
) -> Row:
    name = {"here": "pull-request", "fork": "pull-request-fork", "gone": "pull-request-fork-deleted"}[source]
    body = copy.deepcopy(payload(name))
    body["action"] = action
    body["pull_request"]["base"]["ref"] = base
    body["pull_request"]["user"] = {"login": author}
    body["sender"] = {**body["sender"], "login": sender}
    body["pull_request"]["labels"] = [{"name": one} for one in labels]
    if label:
        body["label"] = {"name": label}
    by = author if sender == "octocat" else f"{author} and {sender}"
    said = f"pull request {action} {label} {source} by {by} into {base} {'+'.join(files)} {'+'.join(labels)}"
    return Row(" ".join(said.split()), "pull_request", body, tuple(jobs.split()), files, tuple(tags.split()))


def other(event: str, jobs: str, body: dict[str, Any] | None = None, stack: str = "", **variables: str) -> Row:
    said = " ".join(f"{key}={value}" for key, value in {**(body or {}).get("inputs", {}), **variables}.items())
    ref = str((body or {}).get("ref", "refs/heads/main"))
    return Row(
        f"{event} {ref} {said}", event, {"ref": ref, **(body or {})}, tuple(jobs.split()), (), (), stack, variables
    )


D = "deploy/decide"
PV, NO = "preview/preview", "preview/without-secrets"
HAND = "deploy/decide drift/look pr-stack/sweep retention/retention rollback/rollback"
ROWS = [
    # Pushes: an image, the program, both, neither.
    push("refs/heads/dev", RUNTIME, "", f"dev {SHA}"),
    push("refs/heads/scaling", RUNTIME, "", f"scaling {SHA}"),
    push("refs/heads/staging", RUNTIME, "", f"staging {SHA}"),
    push("refs/heads/main", RUNTIME, "", f"production {SHA}"),
    push("refs/heads/dev", PROGRAM, D, stack="dev"),
    push("refs/heads/scaling", PROGRAM, D, stack="scaling"),
    push("refs/heads/staging", PROGRAM, D, stack="staging"),
    push("refs/heads/main", PROGRAM, D, stack="production"),
    push("refs/heads/main", BOTH, D, f"production {SHA}"),  # the build deploys
    push("refs/heads/dev", BOTH, D, f"dev {SHA}"),
    push("refs/heads/main", DOCS),
    push("refs/heads/dev", ("Pulumi.dev.yaml",), D, stack="dev"),
    push("refs/heads/main", ("requirements.txt",), D, stack="production"),
    push("refs/heads/main", POOL, D, f"production {SHA}"),  # build-pool deploys
    push("refs/heads/dev", (*POOL, *PROGRAM), D, f"dev {SHA}"),
    push("refs/heads/dev", (*POOL, *RUNTIME), D, f"dev {SHA}"),  # the build that is done last deploys
    push("refs/heads/feature", POOL),
    push("refs/tags/main", POOL),
    push("refs/heads/dev", ("runtime.md", "tests/pool/x.py", "pool.py")),
    push("refs/heads/main", ("stack/images.py",), D, stack="production"),
    push("refs/heads/main", ("tests/x.py", "ops/ci/deploy.py")),
    push("refs/heads/main", ("docs/runtime/x.md",)),
    # Branches that deploy nothing.
    push("refs/heads/feature", BOTH),
    push("refs/heads/Main", BOTH),
    push("refs/heads/production", BOTH),
    push("refs/heads/main2", BOTH),
    push("refs/heads/release/main", BOTH),
    push("refs/heads/dependabot/pip/requests-3", BOTH),
    push("refs/heads/gh-readonly-queue/main/pr-98-3b8f1c2", BOTH),
    push("refs/heads/rollback/production", PROGRAM),
    # Tags, also those that are named like a branch.
    push("refs/tags/v1", BOTH),
    push("refs/tags/main", BOTH),
    push("refs/tags/dev", RUNTIME),
    push("refs/tags/production", PROGRAM),
    # Branches that are made, rewritten, or deleted.
    push("refs/heads/dev", RUNTIME, "", f"dev {SHA}", created=True, before="0" * 40),
    push("refs/heads/dev", PROGRAM, D, stack="dev", created=True, before="0" * 40),
    push("refs/heads/dev", RUNTIME, "", f"dev {SHA}", forced=True),
    push("refs/heads/main", PROGRAM, D, stack="production", forced=True),
    push("refs/heads/dev", BOTH, deleted=True, after="0" * 40),
    # Pull requests of this repository.
    pull("opened", RUNTIME, PV, "pr-98 " + SHA),
    pull("opened", PROGRAM, PV),
    pull("opened", DOCS, PV),
    pull("synchronize", RUNTIME, PV, "pr-98 " + SHA),
    pull("opened", POOL, PV, "pr-98 " + SHA),
    pull("synchronize", (*POOL, *RUNTIME), PV, "pr-98 " + SHA),
    pull("opened", POOL, "", base="feature"),
    pull("reopened", RUNTIME, PV, "pr-98 " + SHA),
    pull("opened", RUNTIME, PV, "pr-98 " + SHA, base="dev"),
    pull("opened", RUNTIME, PV, "pr-98 " + SHA, base="scaling"),
    pull("opened", RUNTIME, PV, "pr-98 " + SHA, base="staging"),
    pull("opened", RUNTIME, "", base="feature"),
    pull("edited", RUNTIME, ""),
    pull("closed", RUNTIME, ""),
    # Stacks of pull requests.
    pull("labeled", RUNTIME, "pr-stack/up", labels=["pr-stack"], label="pr-stack"),
    pull("labeled", DOCS, "pr-stack/up", labels=["pr-stack"], label="pr-stack"),
    pull("labeled", RUNTIME, "", labels=["bug"], label="bug"),
    pull("synchronize", POOL, f"{PV} pr-stack/up", "pr-98 " + SHA, labels=["pr-stack"]),
    pull("labeled", RUNTIME, "", labels=["pr-stack-later"], label="pr-stack-later"),
    pull("synchronize", RUNTIME, f"{PV} pr-stack/up", "pr-98 " + SHA, labels=["pr-stack"]),
    pull("reopened", RUNTIME, f"{PV} pr-stack/up", "pr-98 " + SHA, labels=["bug", "pr-stack"]),
    pull("unlabeled", RUNTIME, "pr-stack/down", label="pr-stack"),
    pull("unlabeled", RUNTIME, "", labels=["pr-stack"], label="bug"),
    pull("closed", RUNTIME, "pr-stack/down", labels=["pr-stack"]),
    pull("closed", RUNTIME, "", labels=["bug"]),
    pull("labeled", RUNTIME, "", labels=["pr-stack"], label="pr-stack", base="feature"),
    # Forks, deleted forks, Dependabot: no secrets, and so no job that needs one.
    pull("opened", RUNTIME, NO, source="fork"),
    pull("opened", DOCS, NO, source="fork"),
    pull("opened", POOL, NO, source="fork"),
    pull("opened", ("pool/requirements.txt",), NO, author="dependabot[bot]", sender="dependabot[bot]"),
    pull("synchronize", ("pool/requirements.txt",), NO, "pr-98 " + SHA, author="dependabot[bot]"),  # a person's push
    pull("synchronize", RUNTIME, NO, source="fork", labels=["pr-stack"]),
    pull("labeled", RUNTIME, "", source="fork", labels=["pr-stack"], label="pr-stack"),
    pull("unlabeled", RUNTIME, "", source="fork", label="pr-stack"),
    pull("closed", RUNTIME, "", source="fork", labels=["pr-stack"]),
    pull("synchronize", RUNTIME, NO, source="gone"),
    pull("opened", ("requirements.txt",), NO, author="dependabot[bot]"),
    pull("synchronize", ("requirements.txt",), NO, author="dependabot[bot]", labels=["pr-stack"]),
    pull("labeled", ("requirements.txt",), "", author="dependabot[bot]", labels=["pr-stack"], label="pr-stack"),
    pull("opened", RUNTIME, NO, source="fork", author="dependabot[bot]"),
    # A merge queue: required checks report, nothing is deployed before the merge.
    other("merge_group", "", {"action": "checks_requested", "merge_group": {"base_ref": "refs/heads/main"}}),
    # Schedules run where the repository says so.
    other("schedule", ""),
    other("schedule", "drift/look", DRIFT="true"),
    other("schedule", "pr-stack/sweep", PR_STACKS="true"),
    other("schedule", "retention/retention", RETENTION="true"),
    other("schedule", "", DRIFT="yes", PR_STACKS="1", RETENTION="false"),
    # By hand: from a branch that deploys, from another one, from a tag that is named like one.
    other("workflow_dispatch", HAND, {"ref": "refs/heads/main"}, stack="production"),
    other("workflow_dispatch", HAND, {"ref": "refs/heads/dev"}, stack="dev"),
    other("workflow_dispatch", HAND, {"ref": "refs/heads/feature"}),
    other("workflow_dispatch", HAND, {"ref": "refs/tags/main"}),
    # What starts nothing.
    other("release", ""),
    other("issue_comment", ""),
    other("pull_request_target", ""),
    other("workflow_run", ""),
]


def touches(image: str, files: Sequence[str]) -> bool:
    return any(file.startswith(f"{image}/") for file in files)


def test_the_table_is_long_and_each_row_is_another_event() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS) >= 60


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_event_starts_these_jobs_and_no_other(row: Row) -> None:
    ref = str(row.payload.get("ref", "refs/heads/main"))
    github = {"event_name": row.event, "event": row.payload, "repository": REPOSITORY, "ref": ref}
    ran = {
        f"{name}/{job}"
        for name, workflow in WORKFLOWS.items()
        if not name.startswith("build-")
        and name != ALWAYS
        and starts(workflow["on"], row.event, row.payload, row.files)
        for job, content in workflow["jobs"].items()
        if "needs" not in content and truth(str(content.get("if", "")), {"github": github, "vars": row.variables})
    }
    assert ran == set(row.jobs)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_event_writes_these_tags_and_no_other(row: Row) -> None:
    assert deploy_decision.IMAGES
    for image in deploy_decision.IMAGES:
        wanted = set(row.tags) if touches(image, row.files) else set()
        on = WORKFLOWS[f"build-{image}"]["on"]
        is_started = starts({name: on[name] for name in ("push", "pull_request")}, row.event, row.payload, row.files)
        tags = set(image_tags.decide(row.event, row.payload).tags if is_started else ())
        assert tags >= {tag for tag in wanted if not tag.startswith("sha-")}
        assert tags <= wanted


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_event_deploys_this_stack_and_no_other(row: Row) -> None:
    if D not in row.jobs:
        assert row.stack == ""
        return
    kind, _, name = str(row.payload["ref"]).removeprefix("refs/").partition("/")
    decision = deploy_decision.decide(
        name,
        ref_type={"heads": "branch", "tags": "tag"}[kind],
        digest="",
        by_hand=row.event == "workflow_dispatch",
        images=tuple(image for image in deploy_decision.IMAGES if touches(image, row.files)),
    )
    assert (decision.stack if decision.deploy else "") == row.stack


def test_pull_requests_and_merge_queues_always_run_the_tests() -> None:
    """So that the check can be required: one that is filtered by path never reports where the filter says no."""
    assert WORKFLOWS["test"]["on"] == {"pull_request": None, "merge_group": None}
    assert set(WORKFLOWS["preview"]["on"]) == {"pull_request", "merge_group"}
    assert "paths" not in WORKFLOWS["preview"]["on"]["pull_request"]
