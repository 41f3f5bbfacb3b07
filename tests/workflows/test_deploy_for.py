"""Which event deploys which stack."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.ci.deploy_decision import IMAGES, UNKNOWN, DeployDecision, decide
from ops.ci.image_tags import BRANCH_TAGS

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("branch", "digest", "by_hand", "images", "wanted"),
    [
        ("main", "sha256:1", False, ("runtime",), DeployDecision("production", deploy=True, images=("runtime",))),
        (
            "main",
            "sha256:1",
            False,
            ("runtime", "pool"),
            DeployDecision("production", True, images=("runtime", "pool")),
        ),
        ("dev", "", False, (), DeployDecision("dev", deploy=True)),
        (
            "dev",
            "",
            False,
            ("runtime",),
            DeployDecision(
                "dev", False, "this push changes an image: build-runtime deploys it after the build", ("runtime",)
            ),
        ),
        (
            "dev",
            "",
            False,
            ("runtime", "pool"),
            DeployDecision(
                "dev",
                False,
                "this push changes an image: build-runtime and build-pool deploys it after the build",
                ("runtime", "pool"),
            ),
        ),
        ("dev", "", False, UNKNOWN, DeployDecision("dev", deploy=True, images=UNKNOWN)),
        ("scaling", "", True, ("runtime",), DeployDecision("scaling", deploy=True)),
        ("scaling", "", True, UNKNOWN, DeployDecision("scaling", deploy=True)),
        ("feature", "sha256:1", True, (), DeployDecision("", False, "no stack is deployed from branch feature")),
        ("7/merge", "", False, (), DeployDecision("", False, "no stack is deployed from branch 7/merge")),
    ],
)
def test_a_branch_deploys_its_stack_once(
    branch: str, digest: str, by_hand: bool, images: tuple[str, ...], wanted: DeployDecision
) -> None:
    assert decide(branch, digest=digest, by_hand=by_hand, images=images) == wanted


@pytest.fixture
def commits(tmp_path: Path) -> list[str]:
    """The program first, then runtime/, the program again, and pool/."""

    def git(*arguments: str) -> str:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.test"]
        done = subprocess.run(["git", *who, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "--quiet")
    made = []
    for name in ("stack/settings.py", "runtime/scripts/start.sh", "stack/images.py", "pool/x.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
        git("add", "--all")
        git("commit", "--quiet", "--message", name)
        made.append(git("rev-parse", "HEAD"))
    return made


def run(folder: Path, **environ: str) -> str:
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(CHECKOUT),
        "GITHUB_REF_NAME": "dev",
        "GITHUB_REF_TYPE": "branch",
        **environ,
    }
    command = [sys.executable, "-m", "ops.ci.deploy_decision"]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True, timeout=30).stdout


def test_a_push_that_builds_an_image_leaves_the_deploy_to_the_build(tmp_path: Path, commits: list[str]) -> None:
    first, runtime, program, _ = commits
    assert "deploy=false" in run(tmp_path, BEFORE=first, GITHUB_SHA=runtime)
    assert "deploy=false" in run(tmp_path, BEFORE=first, GITHUB_SHA=program)
    assert "deploy=true" in run(tmp_path, BEFORE=runtime, GITHUB_SHA=program)
    assert "deploy=true" in run(tmp_path, BEFORE=first, GITHUB_SHA=runtime, DIGEST="sha256:1")
    assert "deploy=true" in run(tmp_path, BEFORE=first, GITHUB_SHA=runtime, GITHUB_EVENT_NAME="workflow_dispatch")


def test_a_push_that_changes_the_pool_manager_alone_is_deployed_by_its_build(
    tmp_path: Path, commits: list[str]
) -> None:
    _, runtime, program, pool = commits
    found = run(tmp_path, BEFORE=program, GITHUB_SHA=pool)
    assert (
        found == "stack=dev\ndeploy=false\nimages=pool\n"
        "reason=this push changes an image: build-pool deploys it after the build\n"
    )
    assert run(tmp_path, BEFORE=program, GITHUB_SHA=pool, DIGEST="sha256:1") == (
        "stack=dev\ndeploy=true\nimages=pool\nreason=\n"
    )
    assert "images=runtime pool\n" in run(tmp_path, BEFORE=commits[0], GITHUB_SHA=pool, DIGEST="sha256:1")
    assert "images=\n" in run(tmp_path, BEFORE=runtime, GITHUB_SHA=program)


def test_every_image_has_a_build_that_starts_when_its_folder_changes() -> None:
    assert IMAGES
    for image in IMAGES:
        text = (CHECKOUT / ".github" / "workflows" / f"build-{image}.yml").read_text()
        assert text.count(f'paths: ["{image}/**"]') == 2
        assert (CHECKOUT / image / "Dockerfile").exists()


@pytest.mark.parametrize("before", ["", "0" * 40, "f" * 40])
def test_a_new_branch_and_a_forced_push_are_deployed(tmp_path: Path, commits: list[str], before: str) -> None:
    assert run(tmp_path, BEFORE=before, GITHUB_SHA=commits[1]) == "stack=dev\ndeploy=true\nimages=unknown\nreason=\n"


def test_it_needs_nothing_that_is_not_pythons_own(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); "]
    command[-1] += "import ops.ci.deploy_decision, ops.ci.image_tags"
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=30).returncode == 0


@pytest.mark.parametrize("ref_type", ["tag", "", "note"])
@pytest.mark.parametrize("name", BRANCH_TAGS)
def test_a_tag_that_is_named_like_a_branch_deploys_nothing(
    tmp_path: Path, commits: list[str], name: str, ref_type: str
) -> None:
    said = run(tmp_path, GITHUB_REF_NAME=name, GITHUB_REF_TYPE=ref_type, GITHUB_EVENT_NAME="workflow_dispatch")
    assert "deploy=false" in said
    assert "only branches deploy" in said
