"""The one door to GitHub: what it says when it is refused, and that it never says its token."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from convos_infra.registry.transport import Pace
from ops.ci.github import API, ForbiddenError, GitHub, GitHubError, NotFoundError, from_environment
from tests.support.ports import free_port
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
        "give the job the permission under permissions:"
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
    door = GitHub("o/r", "token", api=f"http://127.0.0.1:{free_port()}", pace=Pace(sleep=lambda seconds: None))
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


class Waits:
    """Time that is only counted."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.pace = Pace(sleep=self.seconds.append, random=lambda: 0.0, now=lambda: datetime(2026, 11, 23, tzinfo=UTC))


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def patient(repository_on_github: Repository, waits: Waits) -> GitHub:
    on = repository_on_github
    return GitHub(on.name, on.token, api=on.api, pace=waits.pace)


SECOND = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp())


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_hiccup_is_tried_again_where_twice_is_once(
    patient: GitHub, repository_on_github: Repository, waits: Waits, method: str, status: int
) -> None:
    repository_on_github.says(7, "x")
    repository_on_github.failing = [(status, {}, {"message": "Server Error"})] * 2
    path = "issues/7/comments" if method == "GET" else "issues/comments/1"
    assert patient.send(method, path, {"body": "x"} if method == "PATCH" else None)
    assert len(waits.seconds) == 2


def test_a_comment_is_never_written_twice(patient: GitHub, repository_on_github: Repository) -> None:
    repository_on_github.failing = [(502, {}, {"message": "Bad Gateway"})]
    with pytest.raises(GitHubError, match="POST issues/7/comments: GitHub answers 502"):
        patient.send("POST", "issues/7/comments", {"body": "x"})
    assert len(repository_on_github.seen) == 1


@pytest.mark.parametrize(
    ("status", "headers", "message", "waited"),
    [
        (403, {"Retry-After": "7"}, "You have exceeded a secondary rate limit", 7),
        (429, {"Retry-After": "7"}, "", 7),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(SECOND + 20)}, "API rate limit exceeded", 20),
        (403, {}, "You have exceeded a secondary rate limit. Please wait a few minutes", 60),
        (429, {"Retry-After": "soon"}, "", 60),
    ],
)
def test_a_rate_limit_is_waited_for_and_is_no_missing_right(
    patient: GitHub,
    repository_on_github: Repository,
    waits: Waits,
    status: int,
    headers: dict[str, str],
    message: str,
    waited: float,
) -> None:
    repository_on_github.failing = [(status, headers, {"message": message})]
    patient.send("POST", "issues/7/comments", {"body": "x"})
    assert waits.seconds == [waited]


def test_a_rate_limit_that_lasts_ends_with_the_seconds_that_it_takes(
    patient: GitHub, repository_on_github: Repository
) -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(SECOND + 3000)}
    repository_on_github.failing = [(403, headers, {"message": "API rate limit exceeded"})]
    with pytest.raises(GitHubError, match="the rate limit ends in 3000 s; run the job again then") as caught:
        patient.send("GET", "issues")
    assert not isinstance(caught.value, ForbiddenError)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_renamed_repository_is_followed_with_the_same_method(
    patient: GitHub, repository_on_github: Repository, method: str, status: int
) -> None:
    on = repository_on_github
    place = {"Location": f"{on.api}/repos/{on.name}/issues/7/comments"}
    on.failing = [(status, place, {"message": "Moved"})]
    patient.send(method, "issues/7/comments", {"body": "x"} if method == "POST" else None)
    assert on.seen == [f"{method} issues/7/comments"] * 2


@pytest.mark.parametrize("place", ["", "https://example.invalid/x", "//127.0.0.2/x", "http://127.0.0.1:1/x"])
def test_the_token_goes_to_no_other_host(patient: GitHub, repository_on_github: Repository, place: str) -> None:
    repository_on_github.failing = [(301, {"Location": place}, {"message": "Moved"})]
    with pytest.raises(GitHubError, match="redirected to another host, which is not followed"):
        patient.send("GET", "issues")


def test_redirects_in_a_circle_end(patient: GitHub, repository_on_github: Repository) -> None:
    on = repository_on_github
    on.failing = [(301, {"Location": f"{on.api}/repos/{on.name}/issues"}, {"message": "Moved"})] * 20
    with pytest.raises(GitHubError, match="GitHub answers 301"):
        patient.send("GET", "issues")


def test_a_short_page_is_not_the_last_one(patient: GitHub, repository_on_github: Repository) -> None:
    on = repository_on_github
    for number in range(150):
        on.says(7, f"comment {number}")
    following = {"Link": f'<{on.api}/repos/{on.name}/issues/7/comments?per_page=100&page=2>; REL="prev NEXT"'}
    on.failing = [(200, following, on.comments[:99])]
    assert len(list(patient.pages("issues/7/comments"))) == 149


def test_what_github_says_steers_no_terminal(patient: GitHub, repository_on_github: Repository) -> None:
    repository_on_github.failing = [(422, {}, {"message": "\x1b]0;owned\x07\u202e"})]
    with pytest.raises(GitHubError) as caught:
        patient.send("GET", "issues")
    assert not set(str(caught.value)) & set("\x1b\x07\u202e")
