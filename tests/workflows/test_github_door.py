"""The one door to GitHub: what it says when it is refused, and that it never says its token."""

from __future__ import annotations

import pytest

from ops.ci.github import API, ForbiddenError, GitHub, GitHubError, NotFoundError, from_environment
from tests.registry.conftest import free_port
from tests.workflows.github_double import Repository


def test_lists_are_read_to_their_last_page(door: GitHub, repository_on_github: Repository) -> None:
    for number in range(205):
        repository_on_github.says(7, f"comment {number}")
    assert len(list(door.pages("issues/7/comments"))) == 205
    assert len(repository_on_github.seen) == 3


def test_a_missing_right_is_named_with_what_was_tried(door: GitHub, repository_on_github: Repository) -> None:
    repository_on_github.rights.discard("comment")
    with pytest.raises(ForbiddenError) as caught:
        door.send("POST", "issues/7/comments", {"body": "x"})
    assert str(caught.value) == (
        'github: POST issues/7/comments: GitHub answers 403 "Resource not accessible by integration"; '
        "give the job the right under permissions:"
    )


def test_what_is_not_there_is_told_apart(door: GitHub) -> None:
    with pytest.raises(NotFoundError):
        door.send("GET", "pulls/7")


def test_a_wrong_token_is_one_line_without_the_token(repository_on_github: Repository) -> None:
    door = GitHub(repository_on_github.name, "ghs_of-somebody-else", api=repository_on_github.api)
    with pytest.raises(GitHubError, match='GitHub answers 401 "Bad credentials"') as caught:
        door.send("GET", "issues")
    assert "ghs_" not in str(caught.value)


def test_nobody_there_is_one_line() -> None:
    door = GitHub("o/r", "token", api=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(GitHubError, match="GET issues: ConnectionError; run the job again"):
        door.send("GET", "issues")


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"GITHUB_TOKEN": "t"}, "GITHUB_REPOSITORY: must be owner/name, not ''"),
        ({"GITHUB_TOKEN": "t", "GITHUB_REPOSITORY": "o/r/../x"}, "GITHUB_REPOSITORY: must be owner/name"),
        ({"GITHUB_REPOSITORY": "o/r"}, "GITHUB_TOKEN: is not set"),
    ],
)
def test_a_step_without_its_environment_says_what_it_lacks(environ: dict[str, str], said: str) -> None:
    with pytest.raises(GitHubError) as caught:
        from_environment(environ)
    assert str(caught.value).startswith(said)


def test_without_another_address_it_is_githubs_own() -> None:
    assert from_environment({"GITHUB_REPOSITORY": "o/r", "GITHUB_TOKEN": "t"})._base == f"{API}/repos/o/r"
