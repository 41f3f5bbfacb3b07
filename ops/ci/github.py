"""The one door to GitHub's REST API: what the workflows' scripts read and write there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import requests

from convos_infra.errors import InfraError
from railway_api.redact import redact

API = "https://api.github.com"
PAGE = 100
BOT = "github-actions[bot]"
"""Who writes with a job's own token."""
_MOST_PAGES = 100
_SECONDS = 30.0
_FORBIDDEN = 403
_NOT_FOUND = 404
_BAD_REQUEST = 400
_NO_CONTENT = 204
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


class GitHubError(InfraError):
    """GitHub refused, or did not answer; one line."""


class ForbiddenError(GitHubError):
    """The token lacks a right. A job must not go on as if it had done what it was not allowed to."""


class NotFoundError(GitHubError):
    """It is not there, or this token does not see it."""


class GitHub:
    """One repository.

    Args:
        repository: `owner/name`.
        token: a job's own, or one with the rights that a caller needs.
        api: the API's address; another one in tests and for GitHub Enterprise.
    """

    def __init__(self, repository: str, token: str, api: str = API) -> None:
        if not _REPOSITORY.fullmatch(repository):
            raise GitHubError("GITHUB_REPOSITORY", f"must be owner/name, not {repository!r}")
        if not token:
            raise GitHubError("GITHUB_TOKEN", "is not set", "give the step: env: GITHUB_TOKEN: ${{ github.token }}")
        self.repository = repository
        self.token = token
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
        """Send one request and return its JSON, None for an empty answer.

        Args:
            method: GET, POST, PATCH, PUT or DELETE.
            path: below the repository, `issues/7/comments`.
            body: sent as JSON.
            query: the query string.

        Raises:
            ForbiddenError: the token lacks a right.
            NotFoundError: it is not there.
            GitHubError: anything else.
        """
        what = f"{method} {path}"
        try:
            answer = self._session.request(
                method, f"{self._base}/{path}", json=body, params=query or None, timeout=_SECONDS, allow_redirects=False
            )
        except requests.RequestException as error:
            raise GitHubError("github", f"{what}: {type(error).__name__}", "run the job again") from None
        if answer.status_code >= _BAD_REQUEST:
            raise self._refused(what, answer)
        if answer.status_code == _NO_CONTENT or not answer.content:
            return None
        try:
            return answer.json()
        except ValueError:
            raise GitHubError("github", f"{what}: answers something else than JSON") from None

    def pages(self, path: str, **query: str | int) -> Iterator[Mapping[str, Any]]:
        """Yield the entries of a list, page by page; arguments and errors as in `send`."""
        for page in range(1, _MOST_PAGES + 1):
            entries = self.send("GET", path, None, per_page=PAGE, page=page, **query)
            yield from entries
            if len(entries) < PAGE:
                return

    def _refused(self, what: str, answer: requests.Response) -> GitHubError:
        try:
            said = str(answer.json().get("message", ""))
        except (ValueError, AttributeError):
            said = ""
        said = redact(said, [self.token])[:200]
        problem = f'{what}: GitHub answers {answer.status_code} "{said}"'
        if answer.status_code == _FORBIDDEN:
            return ForbiddenError("github", problem, "give the job the right under permissions:")
        if answer.status_code == _NOT_FOUND:
            return NotFoundError("github", problem)
        return GitHubError("github", problem)


def from_environment(environ: Mapping[str, str] | None = None) -> GitHub:
    """Return the repository that a workflow runs for.

    Raises:
        GitHubError: this is no workflow, or the step was given no token.
    """
    environ = os.environ if environ is None else environ
    return GitHub(
        environ.get("GITHUB_REPOSITORY", ""), environ.get("GITHUB_TOKEN", ""), environ.get("GITHUB_API_URL") or API
    )


def branch_path(branch: str) -> str:
    """Return a branch's name as part of a path."""
    return quote(branch, safe="")
