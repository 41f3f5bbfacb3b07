"""What a pin says: tag, digest, revision, age, and how far the branch is away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from convos_infra.checkout import Commits
from convos_infra.registry.pin import Branch, describe, history
from convos_infra.registry.resolve import ResolvedImage

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
PINNED, NEWER = f"sha256:{'ee9764fe' * 8}", f"sha256:{'c7e7d0e2' * 8}"
FORTNIGHT = timedelta(days=14)


def image(days: float = 2, revision: str = "1a2b3c4" + "0" * 33, tag: str = "sha-1a2b3c4") -> ResolvedImage:
    return ResolvedImage(
        reference="",
        registry="ghcr.io",
        repository="xmtplabs/convos-runtime",
        tag=tag,
        digest=PINNED,
        media_type="",
        platforms=("linux/amd64",),
        labels={},
        revision=revision,
        created=NOW - timedelta(days=days),
        version="",
        size_bytes=1,
    )


AHEAD = Branch("scaling", NEWER, "9f8e7d6" + "0" * 33)


def test_a_pin_says_tag_digest_revision_and_age() -> None:
    said = describe(image(), AHEAD, Commits(3, 0), NOW, FORTNIGHT, "imageTag")
    assert said.line == "pinned: sha-1a2b3c4 = sha256:ee9764fe, revision 1a2b3c4, built 2 days ago"


def test_a_bare_digest_without_label_says_what_it_can() -> None:
    assert describe(image(revision="", tag=""), AHEAD, None, NOW, FORTNIGHT, "imageTag").line == (
        "pinned: digest = sha256:ee9764fe, built 2 days ago"
    )


@pytest.mark.parametrize(
    ("branch", "ahead", "wanted"),
    [
        (AHEAD, Commits(3, 0), "the branch tag scaling is 3 commits ahead"),
        (AHEAD, Commits(1, 0), "the branch tag scaling is 1 commit ahead"),
        (AHEAD, Commits(0, 2), "the branch tag scaling is 2 commits behind"),
        (AHEAD, Commits(1, 2), "the branch tag scaling has 1 commit that the pin lacks, and lacks 2"),
        (AHEAD, None, "the branch tag scaling has moved on to sha256:c7e7d0e2 (revision 9f8e7d6)"),
        (Branch("scaling", NEWER), None, "the branch tag scaling has moved on to sha256:c7e7d0e2"),
        (Branch("sha-9f8e7d6", revision="9f8e7d6" + "0" * 33), Commits(1, 0), "tag sha-9f8e7d6 is 1 commit ahead"),
    ],
)
def test_a_branch_that_has_moved_on_is_a_warning(branch: Branch, ahead: Commits | None, wanted: str) -> None:
    (warning,) = describe(image(), branch, ahead, NOW, FORTNIGHT, "imageTag").warnings
    assert wanted in warning
    assert warning.startswith("imageTag: ")
    assert warning.endswith("a pin wins until pulumi config rm imageTag")


@pytest.mark.parametrize("branch", [Branch("scaling", PINNED, "1a2b3c4"), Branch("scaling")])
def test_a_branch_that_is_where_the_pin_is_or_that_nobody_knows_is_none(branch: Branch) -> None:
    assert describe(image(), branch, None, NOW, FORTNIGHT, "imageTag").warnings == ()


@pytest.mark.parametrize(("days", "warned"), [(13.9, False), (14.1, True)])
def test_an_old_pin_is_a_warning_from_the_day_that_the_config_says(days: float, warned: bool) -> None:
    warnings = describe(image(days), Branch("scaling", PINNED), None, NOW, FORTNIGHT, "imageTag").warnings
    assert bool(warnings) is warned
    assert not warned or warnings == (
        "imageTag: sha-1a2b3c4 is 14 days old, more than 14 days; follow the branch again: pulumi config rm imageTag",
    )


@pytest.mark.parametrize(
    ("commits", "text"),
    [
        (None, ""),
        (Commits(0, 0), "the same commit"),
        (Commits(2, 0), "2 commits forward"),
        (Commits(0, 1), "1 commit back"),
        (Commits(1, 3), "3 commits back, 1 commit forward"),
    ],
)
def test_a_change_of_the_image_says_what_is_gained_and_lost(commits: Commits | None, text: str) -> None:
    assert history(commits) == text
