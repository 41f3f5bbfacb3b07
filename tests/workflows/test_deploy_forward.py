"""A deploy moves forward: what goes back is a rollback, by name."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from convos_infra.checkout import Relation
from ops.ci import deploy
from ops.ci.forward import GoesBackError, check_forward, compared, revisions
from ops.ci.github import GitHub
from ops.ci.reviewed import IMAGE, POOL_IMAGE, Preview, ResourceChange
from tests.workflows.github_double import Repository

OLD, NEW = "a" * 40, "b" * 40
R = Relation


def image(before: str, after: str, recorded: str = IMAGE) -> Preview:
    return Preview((ResourceChange(recorded, "update", {"revision": (json.dumps(before), json.dumps(after))}),))


@pytest.mark.parametrize(
    ("runs", "to_image", "to_branch", "deploys"),
    [
        ("", R.UNKNOWN, R.UNKNOWN, True),  # the first deploy, or an image without a label
        (OLD, R.SAME, R.UNKNOWN, True),
        (OLD, R.AHEAD, R.UNKNOWN, True),
        (OLD, R.BEHIND, R.UNKNOWN, False),  # an old build was run again
        (OLD, R.BEHIND, R.SAME, False),  # the branch was reset to an older commit
        (OLD, R.BEHIND, R.AHEAD, False),
        (OLD, R.DIVERGED, R.SAME, True),  # a forced push
        (OLD, R.DIVERGED, R.AHEAD, True),  # a forced push, and another push behind it
        (OLD, R.DIVERGED, R.BEHIND, False),
        (OLD, R.DIVERGED, R.DIVERGED, False),  # an old build, run again after a forced push
        (OLD, R.DIVERGED, R.UNKNOWN, False),
        (OLD, R.UNKNOWN, R.UNKNOWN, False),
        (OLD, R.UNKNOWN, R.SAME, False),
    ],
)
def test_only_what_lacks_nothing_that_runs_is_deployed(
    runs: str, to_image: Relation, to_branch: Relation, deploys: bool
) -> None:
    if deploys:
        check_forward("production", runs, NEW, to_image, to_branch)
        return
    with pytest.raises(GoesBackError, match="not deployed.*run the rollback workflow for production") as caught:
        check_forward("production", runs, NEW, to_image, to_branch)
    assert "with tag sha-bbbbbbb" in str(caught.value)


def test_what_runs_and_what_comes_are_read_from_the_preview() -> None:
    for this, other in ((IMAGE, POOL_IMAGE), (POOL_IMAGE, IMAGE)):
        assert revisions(image(OLD, NEW, this), this) == (OLD, NEW)
        assert revisions(image(OLD, NEW, this), other) == ("", "")
        assert revisions(image("", NEW, this), this) == ("", NEW)
        assert revisions(Preview(()), this) == ("", "")
        made = ResourceChange(this, "create", {"revision": ("", json.dumps(NEW))})
        assert revisions(Preview((made,)), this) == ("", NEW)


@pytest.fixture
def history(tmp_path: Path) -> list[str]:
    def git(*arguments: str) -> str:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
        done = subprocess.run(["git", *who, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "--quiet")
    made = []
    for number in range(3):
        git("commit", "--quiet", "--allow-empty", "--message", str(number))
        made.append(git("rev-parse", "HEAD"))
    return made


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(deploy, "CHECKOUT", tmp_path)
    return tmp_path


def test_an_old_build_that_is_run_again_is_not_deployed_and_the_job_names_rollback(
    history: list[str], checkout: Path, door: GitHub
) -> None:
    back = image(history[2], history[0])
    with pytest.raises(GoesBackError) as caught:
        deploy.check_image_goes_forward(door, "production", back, {}, history[2], "")
    assert str(caught.value) == (
        f"deploy: production runs {history[2][:7]}, and {history[0][:7]} is older, from a re-run build or a reset "
        "branch: not deployed; to deploy the branch, re-run its newest build; to roll back, run the rollback workflow "
        f"for production with tag sha-{history[0][:7]}"
    )
    deploy.check_image_goes_forward(door, "production", image(history[0], history[2]), {}, history[2], "")


def test_a_pin_and_an_accepted_preview_go_back_by_name(history: list[str], checkout: Path, door: GitHub) -> None:
    back = image(history[2], history[0])
    deploy.check_image_goes_forward(door, "production", back, {"imageTag": "sha-1a2b3c4"}, history[2], "")
    deploy.check_image_goes_forward(door, "production", back, {}, history[2], back.fingerprint)
    with pytest.raises(GoesBackError):
        deploy.check_image_goes_forward(door, "production", back, {}, history[2], "0" * 12)


POOL = "ghcr.io/xmtplabs/convos-pool"


def test_an_old_build_of_the_pool_manager_is_not_deployed_either(
    history: list[str], checkout: Path, door: GitHub
) -> None:
    follows, back = {"poolImage": f"{POOL}:production"}, image(history[2], history[0], POOL_IMAGE)
    with pytest.raises(GoesBackError) as caught:
        deploy.check_image_goes_forward(door, "production", back, follows, history[2], "")
    assert str(caught.value) == (
        f"deploy: the pool manager of production runs {history[2][:7]}, and {history[0][:7]} is older, from a re-run "
        "build or a reset branch: not deployed; to deploy the branch, re-run its newest build; to roll back, open a "
        f"pull request that sets poolImage in Pulumi.production.yaml to the tag sha-{history[0][:7]}"
    )
    on = image(history[0], history[2], POOL_IMAGE)
    deploy.check_image_goes_forward(door, "production", on, follows, history[2], "")
    deploy.check_image_goes_forward(door, "production", back, follows, history[2], back.fingerprint)


def test_of_two_images_the_one_that_goes_back_stops_both(history: list[str], checkout: Path, door: GitHub) -> None:
    on, back = (history[0], history[2]), (history[2], history[0])
    follows = {"poolImage": f"{POOL}:dev"}
    for runtime, pool in ((on, back), (back, on), (back, back)):
        now = Preview((*image(*runtime).changes, *image(*pool, POOL_IMAGE).changes))
        with pytest.raises(GoesBackError, match="is older"):
            deploy.check_image_goes_forward(door, "dev", now, follows, history[2], "")
    both = Preview((*image(*on).changes, *image(*on, POOL_IMAGE).changes))
    deploy.check_image_goes_forward(door, "dev", both, follows, history[2], "")


@pytest.mark.parametrize("pin", [":sha-1a2b3c4", f":dev@sha256:{'a' * 64}", f"@sha256:{'a' * 64}"])
def test_a_pin_speaks_for_its_own_image_alone(history: list[str], checkout: Path, door: GitHub, pin: str) -> None:
    pool, runtime = image(history[2], history[0], POOL_IMAGE), image(history[2], history[0])
    pool_is_pinned = {"poolImage": f"{POOL}{pin}"}
    deploy.check_image_goes_forward(door, "dev", pool, pool_is_pinned, history[2], "")
    with pytest.raises(GoesBackError, match="dev runs"):
        deploy.check_image_goes_forward(door, "dev", runtime, pool_is_pinned, history[2], "")
    runtime_is_pinned = {"imageTag": "sha-1a2b3c4", "poolImage": f"{POOL}:dev"}
    deploy.check_image_goes_forward(door, "dev", runtime, runtime_is_pinned, history[2], "")
    with pytest.raises(GoesBackError, match="the pool manager of dev runs"):
        deploy.check_image_goes_forward(door, "dev", pool, runtime_is_pinned, history[2], "")


def test_a_pool_manager_that_is_built_from_an_older_checkout_is_not_deployed(
    history: list[str], checkout: Path, door: GitHub
) -> None:
    back = image(history[2], history[0], POOL_IMAGE)
    with pytest.raises(GoesBackError, match="the pool manager of dev runs"):
        deploy.check_image_goes_forward(door, "dev", back, {"poolBuild": True}, history[2], "")


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("ahead", R.AHEAD),
        ("behind", R.BEHIND),
        ("diverged", R.DIVERGED),
        ("identical", R.SAME),
        ("new", R.UNKNOWN),
    ],
)
def test_a_commit_that_git_has_not_is_compared_by_github(
    history: list[str], checkout: Path, door: GitHub, repository_on_github: Repository, said: str, wanted: Relation
) -> None:
    repository_on_github.compared[OLD, NEW] = said
    assert compared(checkout, door, OLD, NEW) is wanted


@pytest.mark.parametrize(("runs", "comes"), [("c" * 40, "c" * 40), ("c" * 7, "c" * 40), ("c" * 40, "c" * 12)])
def test_the_same_commit_is_no_way_back_though_nobody_knows_it_any_more(
    history: list[str], checkout: Path, door: GitHub, runs: str, comes: str
) -> None:
    assert compared(checkout, door, runs, comes) is R.SAME


@pytest.mark.parametrize(
    "comes", ["HEAD", "main", "HEAD~1", "C" * 40, "c" * 6, "c" * 65, "--output=x", "ccccccc-dirty"]
)
@pytest.mark.parametrize("is_equal", [False, True])
def test_what_is_no_commit_is_never_taken_for_one_that_git_would_find(
    history: list[str], checkout: Path, door: GitHub, comes: str, is_equal: bool
) -> None:
    assert compared(checkout, door, comes if is_equal else history[0], comes) is R.UNKNOWN


@pytest.mark.parametrize("new", ["", "not-a-commit", "../../x", "--all", "c" * 40])
def test_a_revision_that_nobody_knows_is_unknown_and_is_not_deployed(
    history: list[str], checkout: Path, door: GitHub, new: str
) -> None:
    assert compared(checkout, door, history[0], new) is R.UNKNOWN
    with pytest.raises(GoesBackError, match="neither git nor GitHub can tell"):
        deploy.check_image_goes_forward(door, "dev", image(history[0], new), {}, history[2], "")


def test_a_branch_that_was_rewritten_is_deployed_and_its_old_builds_are_not(
    history: list[str], checkout: Path, door: GitHub, repository_on_github: Repository
) -> None:
    github = repository_on_github
    github.compared |= {(OLD, history[2]): "diverged", (history[2], OLD): "diverged"}
    deploy.check_image_goes_forward(door, "dev", image(OLD, history[2]), {}, history[2], "")
    with pytest.raises(GoesBackError, match="lacks some of its commits and is not on the branch"):
        deploy.check_image_goes_forward(door, "dev", image(history[2], OLD), {}, history[2], "")
