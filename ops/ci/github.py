"""Client of GitHub's REST API for the scripts of the workflows."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin

import requests

from convos_infra.errors import InfraError
from convos_infra.registry import hosts, retry
from convos_infra.registry.link import LinkError, next_target
from convos_infra.registry.transport import Pace
from ops.printable import escaped
from railway_api.redact import redact

if TYPE_CHECKING:
    from datetime import datetime

API = "https://api.github.com"
PAGE = 100
BOT = "github-actions[bot]"
"""The author of what is written with a job's own token."""
_MOST_PAGES = 100
_SECONDS = 30.0
_SECONDARY_SECONDS = 60.0
_BUDGET = retry.RegistryBudget(attempts=5, seconds=180.0, base_delay=1.0, max_delay=20.0)
_REPEATABLE = frozenset({"GET", "PATCH", "DELETE"})
"""Not PUT: updating a file names the blob that it replaces, so a repeated request is a conflict."""
_MOVED = frozenset({301, 302, 307, 308})
_MOST_MOVES = 3
_FORBIDDEN = 403
_NOT_FOUND = 404
_NOT_AN_ANSWER = 300
_SERVER_ERROR = 500
_NO_CONTENT = 204
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


class GitHubError(InfraError):
    """GitHub refused a request or did not answer it."""


class ForbiddenError(GitHubError):
    """The token lacks a permission. A job must fail rather than continue as if the request had succeeded."""


class NotFoundError(GitHubError):
    """The object does not exist, or the token cannot see it."""


class GitHub:
    """One repository.

    Args:
        repository: `owner/name`.
        token: the job's own, or one with the permissions that the caller needs.
        api: the API's base URL; it differs for GitHub Enterprise and in tests.
        pace: the clock, the sleep and the randomness of retries.
    """

    def __init__(self, repository: str, token: str, api: str = API, pace: Pace | None = None) -> None:
        if not _REPOSITORY.fullmatch(repository):
            raise GitHubError("GITHUB_REPOSITORY", f"must be owner/name, not {repository!r}")
        if not token:
            raise GitHubError("GITHUB_TOKEN", "is not set", "give the step: env: GITHUB_TOKEN: ${{ github.token }}")
        self.repository = repository
        self.token = token
        self._pace = pace or Pace()
        self._base = f"{api.rstrip('/')}/repos/{repository}"
        self._session = requests.Session()
        self._session.headers.update(
            {
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
                "Authorization": f"Bearer {token}",
            }
        )

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: str | int) -> Any:
        """Send one request and return its JSON; None for an empty response.

        Args:
            method: GET, POST, PATCH, PUT or DELETE.
            path: the path below the repository, such as `issues/7/comments`.
            body: sent as JSON.
            query: the query string.

        Raises:
            ForbiddenError: the token lacks a permission.
            NotFoundError: the object does not exist, or the token cannot see it.
            GitHubError: GitHub refused for another reason or did not answer.
        """
        return self._document(f"{method} {path}", self._exchange(method, f"{self._base}/{path}", body, query))

    def pages(self, path: str, **query: str | int) -> Iterator[Mapping[str, Any]]:
        """Yield the entries of a list, following `Link` from page to page; raises what `send` raises.

        A short page is not always the last one: GitHub removes what the token cannot see after it has cut the page.
        """
        what = f"GET {path}"
        url, asked = f"{self._base}/{path}", {"per_page": PAGE, **query}
        for _ in range(_MOST_PAGES):
            answer = self._exchange("GET", url, None, asked)
            entries = self._document(what, answer)
            if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
                raise GitHubError("github", f"{what}: the response is not a list")
            yield from entries
            try:
                target = next_target(answer.headers.get("Link", ""))
            except LinkError as error:
                raise GitHubError("github", f"{what}: the Link header {error}") from None
            if target is None:
                return
            url, asked = self._followed(what, answer.url, target), {}
        raise GitHubError("github", f"{what}: the list does not end")

    def _document(self, what: str, answer: requests.Response) -> Any:
        if answer.status_code == _NO_CONTENT or not answer.content:
            return None
        try:
            return answer.json()
        except ValueError:
            raise GitHubError("github", f"{what}: the response is not JSON") from None

    def _exchange(
        self, method: str, url: str, body: Mapping[str, Any] | None, query: Mapping[str, str | int]
    ) -> requests.Response:
        """Send a request until it is answered: follow the redirects of a renamed repository and wait for rate limits.

        After a 5xx or a broken connection only idempotent requests are repeated: a second POST is a second comment.
        """
        what = f"{method} {url.removeprefix(self._base).lstrip('/')}"
        attempt, spent, moves = 0, 0.0, 0
        while True:
            attempt += 1
            problem, told = "", None
            try:
                answer = self._session.request(
                    method, url, json=body, params=query or None, timeout=_SECONDS, allow_redirects=False
                )
            except requests.RequestException as error:
                problem = type(error).__name__
                may_repeat = method in _REPEATABLE or isinstance(error, requests.ConnectTimeout)
            else:
                if answer.status_code in _MOVED and moves < _MOST_MOVES:
                    moves, attempt = moves + 1, attempt - 1
                    url, query = self._followed(what, url, answer.headers.get("Location", "")), {}
                    continue
                limit = limit_of(answer.status_code, answer.headers, answer.content, self._pace.now())
                if limit is None and answer.status_code < _SERVER_ERROR:
                    if answer.status_code >= _NOT_AN_ANSWER:
                        raise self._refused(what, answer)
                    return answer
                problem = f'GitHub answers {answer.status_code} "{self._said(answer)}"'
                told = limit
                may_repeat = limit is not None or method in _REPEATABLE
            pause = retry.delay(_BUDGET, attempt, spent, self._pace.random(), told) if may_repeat else None
            if pause is None:
                step = (
                    "run the job again"
                    if told is None
                    else f"the rate limit ends in {told:.0f} s; run the job again then"
                )
                raise GitHubError("github", f"{what}: {problem}", step)
            spent += pause
            self._pace.sleep(pause)

    def _followed(self, what: str, url: str, target: str) -> str:
        """Return the URL that GitHub redirects to. It must be on the same host, because the token is sent to it."""
        there = urljoin(url, target)
        if not target or hosts.origin_of(there) != hosts.origin_of(self._base):
            raise GitHubError("github", f"{what}: redirected to another host, which is not followed")
        return there

    def _said(self, answer: requests.Response) -> str:
        try:
            said = str(answer.json().get("message", ""))
        except (ValueError, AttributeError):
            said = ""
        return escaped(redact(said, [self.token])[:200])

    def _refused(self, what: str, answer: requests.Response) -> GitHubError:
        said = self._said(answer)
        problem = f'{what}: GitHub answers {answer.status_code} "{said}"'
        if answer.status_code == _FORBIDDEN:
            return ForbiddenError("github", problem, "give the job the permission under permissions:")
        if answer.status_code == _NOT_FOUND:
            return NotFoundError("github", problem)
        return GitHubError("github", problem)


def limit_of(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> float | None:
    """Return the seconds until a rate limit ends; None if the response is not about a rate limit.

    GitHub answers 403 or 429 for rate limits, and 403 for missing permissions as well. "Rate limits for the REST API"
    says to wait for Retry-After, else until X-RateLimit-Reset if no request is left, else for at least a minute.
    """
    if status not in {_FORBIDDEN, retry.TOO_MANY_REQUESTS}:
        return None
    told = retry.retry_after(headers.get("Retry-After"), now)
    if told is not None:
        return told
    reset = headers.get("X-RateLimit-Reset", "")
    if headers.get("X-RateLimit-Remaining") == "0" and reset.isdecimal():
        return max(float(reset) - now.timestamp(), 0.0)
    is_limit = status == retry.TOO_MANY_REQUESTS or b"rate limit" in body.lower()
    return _SECONDARY_SECONDS if is_limit else None


def from_environment(environ: Mapping[str, str] | None = None) -> GitHub:
    """Return the client for the repository that a workflow runs in.

    Raises:
        GitHubError: this is not a workflow, or the step has no token.
    """
    environ = os.environ if environ is None else environ
    return GitHub(
        environ.get("GITHUB_REPOSITORY", ""), environ.get("GITHUB_TOKEN", ""), environ.get("GITHUB_API_URL") or API
    )


def branch_path(branch: str) -> str:
    """Return a branch's name, quoted for a path."""
    return quote(branch, safe="")
