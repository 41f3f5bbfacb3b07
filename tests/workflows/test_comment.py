"""One comment a subject: updated in place, cut to what GitHub takes, and nobody else's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.ci import comment
from ops.ci.comment import LONGEST, CutError, cut, hidden, marker, put, revealed
from ops.ci.github import ForbiddenError, GitHub
from tests.workflows.github_double import Repository


def test_the_second_preview_is_the_first_comment_changed(door: GitHub, repository_on_github: Repository) -> None:
    """Other tools find theirs by the heading, and write another one when that changes (pulumi/actions#519)."""
    put(door, 7, "preview:dev", "### One deployment")
    put(door, 7, "preview:dev", "### Two deployments")
    put(door, 7, "preview:scaling", "another subject")
    assert [row["body"] for row in repository_on_github.comments] == [
        f"{marker('preview:dev')}\n### Two deployments",
        f"{marker('preview:scaling')}\nanother subject",
    ]


def test_the_same_text_again_writes_nothing(door: GitHub, repository_on_github: Repository) -> None:
    put(door, 7, "preview:dev", "same")
    put(door, 7, "preview:dev", "same")
    assert [call for call in repository_on_github.seen if not call.startswith("GET")] == ["POST issues/7/comments"]


def test_it_is_found_behind_two_hundred_others(door: GitHub, repository_on_github: Repository) -> None:
    for number in range(200):
        repository_on_github.says(7, f"{number}", login="somebody")
    put(door, 7, "preview:dev", "first")
    put(door, 7, "preview:dev", "second")
    assert len(repository_on_github.comments) == 201


def test_somebody_elses_comment_with_our_marker_is_neither_read_nor_overwritten(
    door: GitHub, repository_on_github: Repository
) -> None:
    """Its hidden data would otherwise be taken for what was reviewed."""
    theirs = repository_on_github.says(7, f"{marker('preview:dev')}\n{hidden(b'[]')}", login="mallory")
    assert comment.find(door, 7, "preview:dev") is None
    put(door, 7, "preview:dev", "ours")
    assert theirs["body"].endswith(hidden(b"[]"))
    assert len(repository_on_github.comments) == 2


def test_a_job_that_may_not_comment_fails_and_says_so(door: GitHub, repository_on_github: Repository) -> None:
    """Elsewhere that goes by in silence (pulumi/actions#838)."""
    repository_on_github.rights.discard("comment")
    with pytest.raises(ForbiddenError, match="give the job the permission under permissions:"):
        put(door, 7, "preview:dev", "text")


@given(lines=st.lists(st.text(max_size=300), max_size=600), tail=st.text(max_size=200))
def test_no_comment_is_longer_than_github_takes_and_head_and_tail_are_whole(lines: list[str], tail: str) -> None:
    text = cut("### head\n", "\n".join(lines) * 3, tail)
    assert len(text) <= LONGEST
    assert text.startswith("### head\n")
    assert text.endswith(f"{tail}\n")


def test_what_is_cut_says_where_the_whole_is() -> None:
    text = cut("head", "line of the preview\n" * 10_000, "tail")
    assert LONGEST - 100 < len(text) <= LONGEST
    assert "shortened; the job's summary has the whole text\n```\n</details>\ntail" in text
    assert "shortened" not in cut("head", "line\n", "tail")


def test_a_fence_in_a_preview_does_not_end_its_block() -> None:
    text = cut("head", 'bio: "```\n<img src=x>"', "tail")
    assert text.count("```") == 2


def test_a_head_that_leaves_no_room_is_an_error() -> None:
    with pytest.raises(CutError):
        cut("h" * LONGEST, "text", "")


@given(data=st.binary(max_size=5000))
def test_hidden_data_comes_back(data: bytes) -> None:
    body = cut("head", "-- <!-- data:AAAA --> in the preview itself", hidden(data))
    assert revealed(body) == data


@pytest.mark.parametrize("body", ["", "no data", "<!-- data:!!!! -->", "<!-- data:AAAA -->"])
def test_what_holds_no_data_gives_none(body: str) -> None:
    assert revealed(body) is None


def test_data_that_unpacks_without_end_is_cut_off() -> None:
    bomb = hidden(b"\0" * 10_000_000)
    assert len(bomb) < comment.LONGEST_DATA
    assert len(revealed(bomb) or b"") == comment._MOST_BYTES
