"""The rules for tags, over payloads in the form of GitHub's webhooks (tests/workflows/events)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ops.ci.image_tags import BRANCH_TAGS, TagDecision, decide, output, settled

CHECKOUT = Path(__file__).resolve().parents[2]
EVENTS = Path(__file__).parent / "events"
COMMIT = "3b8f1c2d4e5a69788796a5b4c3d2e1f00f1e2d3c"
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
"""A tag's grammar in the OCI distribution specification."""

RULES = [
    ("push-scaling", "push", ("scaling", "sha-3b8f1c2")),
    ("push-dev", "push", ("dev", "sha-3b8f1c2")),
    ("push-staging", "push", ("staging", "sha-3b8f1c2")),
    ("push-main", "push", ("production", "sha-3b8f1c2")),
    ("push-branch-created", "push", ("dev", "sha-3b8f1c2")),
    ("push-other-branch", "push", ()),
    ("push-branch-deleted", "push", ()),
    ("push-tag", "push", ()),
    ("push-tag-named-main", "push", ()),
    ("pull-request", "pull_request", ("pr-98", "sha-3b8f1c2")),
    ("pull-request-fork", "pull_request", ()),
    ("pull-request-fork-deleted", "pull_request", ()),
    ("workflow-dispatch", "workflow_dispatch", ()),
]


def event(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())


@pytest.mark.parametrize(("name", "kind", "tags"), RULES, ids=[rule[0] for rule in RULES])
def test_each_event_gets_its_tags(name: str, kind: str, tags: tuple[str, ...]) -> None:
    decision = decide(kind, event(name))
    assert decision.tags == tags
    assert decision.push is bool(tags)
    assert bool(decision.reason) is not bool(tags), "what pushes nothing says why"


def test_every_payload_has_a_rule() -> None:
    assert {file.stem for file in EVENTS.glob("*.json")} == {rule[0] for rule in RULES}


@pytest.mark.parametrize(("name", "kind", "tags"), RULES, ids=[rule[0] for rule in RULES])
def test_no_ref_becomes_a_tag_that_no_registry_takes(name: str, kind: str, tags: tuple[str, ...]) -> None:
    """Bug 5 of the mission: GITHUB_REF_NAME of a pull request is `98/merge`."""
    assert all(TAG.fullmatch(tag) for tag in decide(kind, event(name)).tags)


def test_a_pull_request_is_named_by_its_head_commit_not_by_the_merge_commit() -> None:
    payload = event("pull-request")
    decision = decide("pull_request", payload)
    assert decision.revision == payload["pull_request"]["head"]["sha"] == COMMIT
    assert payload["pull_request"]["merge_commit_sha"][:7] not in "".join(decision.tags)


def test_a_pull_request_of_dependabot_is_built_and_pushed_nowhere_until_somebody_else_pushes_to_it() -> None:
    payload = event("pull-request")
    decision = decide("pull_request", {**payload, "sender": {"login": "dependabot[bot]"}})
    assert (decision.revision, decision.push) == (COMMIT, False)
    assert "Dependabot" in decision.reason
    for sender in ({"login": "ada"}, {}, None):
        assert decide("pull_request", {**payload, "sender": sender}).push


def test_a_run_again_gives_the_same_tags() -> None:
    assert decide("push", event("push-main")) == decide("push", event("push-main"))


def test_only_main_is_called_production() -> None:
    assert BRANCH_TAGS["main"] == "production"
    assert {branch: tag for branch, tag in BRANCH_TAGS.items() if branch != tag} == {"main": "production"}


@pytest.mark.parametrize("after", [None, "", "3b8f1c2", "0" * 40, COMMIT.upper(), COMMIT + "\n"])
def test_a_commit_that_is_none_is_refused(after: object) -> None:
    with pytest.raises(ValueError, match="in place of a commit"):
        decide("push", {"ref": "refs/heads/main", "after": after})


def test_the_output_has_full_references() -> None:
    decision = TagDecision(COMMIT, ("dev", "sha-3b8f1c2"))
    assert output(decision, "ghcr.io/xmtplabs/convos-runtime").splitlines() == [
        f"revision={COMMIT}",
        "image=ghcr.io/xmtplabs/convos-runtime",
        "push=true",
        "tags=dev,sha-3b8f1c2",
        "references=ghcr.io/xmtplabs/convos-runtime:dev,ghcr.io/xmtplabs/convos-runtime:sha-3b8f1c2",
        "reason=",
    ]


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "ops/ci/image_tags.py", *args], cwd=CHECKOUT, capture_output=True, text=True, timeout=30
    )


def test_the_command_prints_what_github_output_takes() -> None:
    done = run("pull_request", str(EVENTS / "pull-request.json"), "ghcr.io/XMTPLabs/convos-runtime")
    assert done.returncode == 0
    assert "references=ghcr.io/xmtplabs/convos-runtime:pr-98," in done.stdout
    assert "\nimage=ghcr.io/xmtplabs/convos-runtime\n" in done.stdout, "what follows is put together from this"


def test_a_payload_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = run("push", str(tmp_path / "none.json"))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "payload", ["[]", "null", '"x"', '{"ref": "refs/heads/dev"}', "[" * 3000, '{"pull_request": []}']
)
@pytest.mark.parametrize("event", ["push", "pull_request"])
def test_a_file_that_is_no_payload_is_one_line_and_builds_nothing(tmp_path: Path, event: str, payload: str) -> None:
    (tmp_path / "event.json").write_text(payload)
    done = run(event, str(tmp_path / "event.json"))
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["a\u202eb", "a\nrevision=b", "a\x1b[31m", "a\u2028::error::b", "a%0A::error::b"])
def test_a_branchs_name_is_shown_and_not_sent(tmp_path: Path, name: str) -> None:
    (tmp_path / "event.json").write_text(json.dumps({"ref": f"refs/heads/{name}", "after": COMMIT}))
    done = run("push", str(tmp_path / "event.json"))
    assert done.returncode == 0
    assert [line.partition("=")[0] for line in done.stdout.splitlines()] == [
        *("revision", "image", "push", "tags", "references", "reason")
    ]
    for text in (done.stdout, done.stderr):
        assert text.removesuffix("\n").replace("\n", "").isprintable()
    assert len(done.stderr.splitlines()) == 1
    assert "%0A" not in done.stderr, "the runner would read a line break"


class Branches:
    """A clone with the whole history, in which `dev` of the origin is where a test puts it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch", "dev")

    def git(self, *command: str) -> str:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.test"]
        done = subprocess.run(["git", *who, *command], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, path: str, text: str) -> str:
        (self.folder / path).parent.mkdir(exist_ok=True)
        (self.folder / path).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", text)
        self.git("update-ref", "refs/remotes/origin/dev", "HEAD")
        return self.git("rev-parse", "HEAD")

    def tags(self, revision: str, folder: str = "runtime") -> tuple[tuple[str, ...], str]:
        decision = TagDecision(revision, ("dev", f"sha-{revision[:7]}"), branch="dev")
        found = settled(decision, self.folder, folder)
        return found.tags, found.reason


@pytest.fixture
def branches(tmp_path: Path) -> Branches:
    return Branches(tmp_path)


def test_a_re_run_of_an_old_build_does_not_move_the_branchs_tag_back(branches: Branches) -> None:
    old = branches.commit("runtime/a", "one")
    assert branches.tags(old) == (("dev", f"sha-{old[:7]}"), "")
    new = branches.commit("runtime/a", "two")
    says = f"tag dev stays as it is: branch dev has the newer {new[:7]}, which changes runtime/ as well"
    assert branches.tags(old) == ((f"sha-{old[:7]}",), says)
    assert branches.tags(new) == (("dev", f"sha-{new[:7]}"), "")
    # A revert has the old files and is another commit all the same: what it undid is not in it.
    branches.commit("runtime/a", "one")
    assert branches.tags(old)[0] == (f"sha-{old[:7]}",)


def test_the_newest_build_of_a_folder_moves_the_tag_whatever_other_folders_got_since(branches: Branches) -> None:
    runtime = branches.commit("runtime/a", "one")
    pool = branches.commit("pool/a", "one")
    branches.commit("docs/a", "one")
    assert branches.tags(runtime)[0][0] == branches.tags(pool, "pool")[0][0] == "dev"
    branches.git("checkout", "--quiet", "-b", "side", runtime)
    branches.commit("runtime/b", "side")
    branches.git("checkout", "--quiet", "dev")
    branches.git("merge", "--quiet", "--no-ff", "--message", "merged", "side")
    branches.git("update-ref", "refs/remotes/origin/dev", "HEAD")
    assert "changes runtime/ as well" in branches.tags(runtime)[1], "it came by a merge"


def test_a_commit_that_a_forced_push_took_off_the_branch_moves_no_tag(branches: Branches) -> None:
    base = branches.commit("runtime/a", "one")
    gone = branches.commit("runtime/a", "two")
    branches.git("update-ref", "refs/remotes/origin/dev", base)
    assert branches.tags(gone)[1] == f"tag dev stays as it is: {gone[:7]} is no longer on branch dev"
    branches.git("update-ref", "-d", "refs/remotes/origin/dev")
    assert branches.tags(gone)[1] == "tag dev stays as it is: branch dev is gone"


def test_a_clone_that_cannot_tell_stops_the_build(branches: Branches, tmp_path: Path) -> None:
    branches.commit("runtime/a", "one")
    old = branches.commit("runtime/a", "two")
    with pytest.raises(ValueError, match="git cannot tell which build is the newest"):
        branches.tags("f" * 40)
    (tmp_path / ".git" / "shallow").write_text(f"{old}\n")
    with pytest.raises(ValueError, match="the clone is shallow: fetch-depth must be 0"):
        branches.tags(old)
    event_file = tmp_path / "event.json"
    event_file.write_text(json.dumps(event("push-dev")))
    command = [sys.executable, str(CHECKOUT / "ops/ci/image_tags.py"), "push", str(event_file), "r/o/i", "runtime"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "fetch-depth must be 0" in done.stderr


@pytest.mark.parametrize("killed", ["rev-parse", "merge-base", "rev-list"])
def test_a_git_that_was_killed_has_not_said_no(
    branches: Branches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    """Without its answer an old build would take the branch's tag back."""
    old = branches.commit("runtime/a", "one")
    branches.commit("runtime/a", "two")
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    kills = f'case "$3 $4" in "{killed} "*shallow*) ;; "{killed} "*) kill -9 $$ ;; esac'
    git.write_text(f'#!/bin/sh\n{kills}\nexec {shutil.which("git")} "$@"\n')
    git.chmod(0o755)
    monkeypatch.setenv("PATH", str(git.parent), prepend=":")
    with pytest.raises(ValueError, match="git cannot tell which build is the newest"):
        branches.tags(old)


def test_pull_requests_ask_no_branch(tmp_path: Path) -> None:
    decision = decide("pull_request", event("pull-request"))
    assert settled(decision, tmp_path, "runtime") == decision
