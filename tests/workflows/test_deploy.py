"""A deploy looks for what was reviewed, stops where it differs, and lets nobody else speak for the reviewer."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.ci import deploy
from ops.ci.comment import hidden, marker
from ops.ci.deploy import NotReviewedError, check_reviewed, reviewed_preview
from ops.ci.github import GitHub
from ops.ci.reviewed import Cost, Preview, ResourceChange, encoded
from tests.workflows.github_double import Repository

COMMIT = "3b8f1c2d4e5a69788796a5b4c3d2e1f00f1e2d3c"
CHANGE = Preview((ResourceChange("railway:Service x", "update", {"variables.A": ('"1"', '"2"')}, Cost(1, ("A",))),))
OTHER = Preview((ResourceChange("railway:Volume y", "delete", {}),))


def merged(github: Repository, number: int = 7, base: str = "dev", commit: str = COMMIT) -> None:
    github.pulls[number] = {
        "number": number,
        "merged_at": datetime.now(UTC).isoformat(),
        "merge_commit_sha": commit,
        "base": {"ref": base},
    }
    github.commits.setdefault(COMMIT, []).append(number)


def comment(preview: Preview, stack: str = "dev") -> str:
    return f"{marker(f'preview:{stack}')}\n### head\n{hidden(encoded(preview))}\n"


def test_the_reviewed_preview_is_the_one_on_the_merged_pull_request(
    door: GitHub, repository_on_github: Repository
) -> None:
    merged(repository_on_github)
    repository_on_github.says(7, comment(OTHER, "scaling"))
    repository_on_github.says(7, comment(CHANGE))
    assert reviewed_preview(door, COMMIT, "dev", "dev") == (CHANGE, "#7")


@pytest.mark.parametrize(("base", "commit"), [("scaling", COMMIT), ("dev", "f" * 40)])
def test_a_pull_request_into_another_branch_or_with_another_merge_is_not_the_one(
    door: GitHub, repository_on_github: Repository, base: str, commit: str
) -> None:
    merged(repository_on_github, base=base, commit=commit)
    repository_on_github.says(7, comment(CHANGE))
    found, why = reviewed_preview(door, COMMIT, "dev", "dev")
    assert (found, why) == (Preview(()), f"no merged pull request has {COMMIT[:7]} on dev")


def test_a_preview_that_somebody_else_wrote_is_none(door: GitHub, repository_on_github: Repository) -> None:
    merged(repository_on_github)
    repository_on_github.says(7, comment(CHANGE), login="mallory")
    assert reviewed_preview(door, COMMIT, "dev", "dev") == (Preview(()), "#7 has no preview of dev")


def test_data_that_is_broken_is_no_preview(door: GitHub, repository_on_github: Repository) -> None:
    merged(repository_on_github)
    repository_on_github.says(7, f"{marker('preview:dev')}\n{hidden(b'[1]')}")
    assert reviewed_preview(door, COMMIT, "dev", "dev") == (Preview(()), "the preview on #7 cannot be read")


def test_what_differs_stops_it_and_says_where_and_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotReviewedError) as caught:
        check_reviewed(CHANGE, "#7", OTHER, (), "")
    assert str(caught.value) == (
        "deploy: 3 differences from the reviewed preview (#7); the first: reviewed, but not in this preview: "
        'update railway:Service x: variables.A: "1" -> "2"; '
        f"review it, then run the deploy workflow with accept={OTHER.fingerprint}"
    )
    assert "in this preview, but not reviewed: delete railway:Volume y" in capsys.readouterr().out


def test_who_accepts_accepts_exactly_what_was_shown() -> None:
    check_reviewed(CHANGE, "#7", OTHER, (), OTHER.fingerprint)
    with pytest.raises(NotReviewedError):
        check_reviewed(CHANGE, "#7", Preview((*OTHER.changes, *CHANGE.changes)), (), OTHER.fingerprint)


def test_what_was_reviewed_is_applied_without_a_word() -> None:
    check_reviewed(CHANGE, "#7", CHANGE, (), "")
    check_reviewed(Preview(()), "nobody", Preview(()), (), "")


def test_every_branch_that_builds_an_image_deploys_a_stack_that_has_a_config() -> None:
    from ops.ci.image_tags import BRANCH_TAGS
    from ops.stacks import configured

    assert sorted(BRANCH_TAGS.values()) == configured(Path(deploy.__file__).parents[2])
