"""GitHub's packages API, the only way to delete from GHCR.

GHCR answers the distribution API's DELETE with 405 (containers/skopeo#1880). Unlike that API, the packages API also
lists versions without a tag. A version is a manifest; deleting it deletes all its tags. Source: GitHub's REST
documentation, "REST API endpoints for packages", version 2022-11-28.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from convos_infra.registry import hosts
from convos_infra.registry.descriptors import is_any_digest
from convos_infra.registry.errors import (
    BadAnswerError,
    BusyError,
    NoSuchRepositoryError,
    RefusedError,
    UnauthorizedError,
)
from convos_infra.registry.link import LinkError, next_target
from convos_infra.registry.manifest import parse_created
from convos_infra.registry.reference import short_digest
from convos_infra.registry.retention import StoredManifest
from convos_infra.registry.transport import RegistryAnswer, RegistryTransport
from railway_api.redact import redact

API = "api.github.com"
PAGE = 100
_MOST_PAGES = 1000
_LONGEST_QUOTE = 200
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_OK = 200
_NO_CONTENT = 204
_UNAUTHORIZED = 401
_FORBIDDEN = 403
_NOT_FOUND = 404


class Packages:
    """The versions of one container package of an organisation.

    Args:
        repository: `owner/package`, as on GHCR.
        token: may read and delete packages; in a workflow the job's token, if the package is linked to the repository.
        subject: the subject of errors.
        api: the API's host, `host[:port]`.
        transport: sends the requests; None creates one.
    """

    def __init__(
        self,
        repository: str,
        token: str,
        *,
        subject: str = "retention",
        api: str = API,
        transport: RegistryTransport | None = None,
    ) -> None:
        owner, _, package = repository.partition("/")
        self._repository = repository
        self._token = token
        self._subject = subject
        self._base = f"{hosts.api_url(api)}/orgs/{quote(owner)}/packages/container/{quote(package, safe='')}/versions"
        self._transport = transport or RegistryTransport(api, subject)

    def versions(self) -> list[StoredManifest]:
        """Return all versions, with their push times and ids, but without children, which the API does not return.

        Raises:
            NoSuchRepositoryError, UnauthorizedError, BadAnswerError: the list cannot be read completely.
        """
        found: dict[str, StoredManifest] = {}
        path: str | None = f"?per_page={PAGE}&state=active"
        pages: set[str] = set()
        while path is not None:
            if path in pages or len(pages) >= _MOST_PAGES:
                raise BadAnswerError(self._subject, "GitHub returns endless pages of versions")
            pages.add(path)
            entries, path = self._page(path)
            # A push during the listing moves the last entry of a page to the next page: it is listed twice, not lost.
            found |= {version.digest: version for version in map(self._version, entries)}
        return list(found.values())

    def version(self, known: StoredManifest) -> StoredManifest | None:
        """Return a version as it is now, without children; None if GitHub does not show it.

        Raises:
            BadAnswerError: the answer is another version, or none.
        """
        answer = self._send("GET", f"/{quote(known.handle, safe='')}")
        if answer.status == _NOT_FOUND:
            return None
        entry = _document(answer.body) if answer.status == _OK else None
        if not isinstance(entry, Mapping) or entry.get("name") != known.digest:
            problem = f"GitHub answers {answer.status} instead of version {known.handle}{self._said(answer)}"
            raise BadAnswerError(self._subject, problem)
        return self._version(entry)

    def _page(self, path: str) -> tuple[list[Mapping[str, Any]], str | None]:
        """Return the entries of a page, and the path of the next one: only `Link` decides whether there is one."""
        answer = self._send("GET", path)
        if answer.status == _NOT_FOUND:
            problem = f"GitHub shows no package {self._repository} to this token"
            raise NoSuchRepositoryError(self._subject, problem, "check the name, and that the token may read packages")
        entries = _entries(answer.body) if answer.status == _OK else None
        if entries is None:
            problem = f"GitHub answers {answer.status} instead of a list of versions{self._said(answer)}"
            raise BadAnswerError(self._subject, problem)
        asked = f"{self._base}{path}"
        try:
            target = next_target(answer.headers.get("Link", ""))
        except LinkError as error:
            raise BadAnswerError(self._subject, f"GitHub sent a list of versions whose Link {error}") from None
        if target is None:
            return entries, None
        url = urljoin(asked, target)
        if hosts.origin_of(url) != hosts.origin_of(asked):
            raise BadAnswerError(self._subject, "GitHub continues its list of versions on another host")
        return entries, f"?{urlsplit(url).query}"

    def delete(self, version: StoredManifest) -> bool:
        """Delete a version with all its tags; False if GitHub does not show it: it is gone, or hidden from the token.

        Raises:
            RefusedError: GitHub keeps the last tagged version of a package, and public ones with many downloads.
            BusyError: GitHub's rate limit is used up, so further requests would be refused as well.
            UnauthorizedError: the token may not delete any version.
        """
        answer = self._send("DELETE", f"/{quote(version.handle, safe='')}")
        if answer.status not in {_NO_CONTENT, _NOT_FOUND}:
            name = " ".join((short_digest(version.digest), *version.tags))
            raise RefusedError(self._subject, f"GitHub does not delete {name} ({answer.status}){self._said(answer)}")
        return answer.status == _NO_CONTENT

    def _send(self, method: str, path: str) -> RegistryAnswer:
        answer = self._transport.send(method, f"{self._base}{path}", _HEADERS, f"Bearer {self._token}")
        if answer.status == _FORBIDDEN and _is_rate_limit(answer):
            problem = f"GitHub's rate limit is used up{self._said(answer)}"
            raise BusyError(self._subject, problem, "the next run continues where this one stopped")
        if answer.status in {_UNAUTHORIZED, _FORBIDDEN}:
            problem = f"GitHub does not accept this token for {self._repository}{self._said(answer)}"
            raise UnauthorizedError(self._subject, problem, "it needs read:packages and delete:packages")
        return answer

    def _version(self, entry: Mapping[str, Any]) -> StoredManifest:
        digest, handle = str(entry.get("name", "")), str(entry.get("id", ""))
        if not (is_any_digest(digest) and handle.isdecimal()):
            raise BadAnswerError(self._subject, f"GitHub lists a version {digest[:80]!r} with id {handle[:20]!r}")
        metadata = entry.get("metadata")
        container = metadata.get("container") if isinstance(metadata, Mapping) else None
        tags = container.get("tags") if isinstance(container, Mapping) else None
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            # A version in use would look unused without its tags.
            raise BadAnswerError(self._subject, f"GitHub lists version {short_digest(digest)} without its tags")
        created = parse_created(str(entry.get("created_at", "")))
        return StoredManifest(digest, tuple(sorted(map(str, tags))), created, handle=handle)

    def _said(self, answer: RegistryAnswer) -> str:
        document = _document(answer.body)
        message = document.get("message") if isinstance(document, Mapping) else None
        return f': "{redact(str(message), [self._token])[:_LONGEST_QUOTE]}"' if message else ""


def _is_rate_limit(answer: RegistryAnswer) -> bool:
    """Tell a rate limit from a missing permission; GitHub answers 403 for both ("Rate limits for the REST API")."""
    headers = answer.headers
    is_used_up = headers.get("X-RateLimit-Remaining") == "0" or "Retry-After" in headers
    return is_used_up or b"rate limit" in answer.body.lower()


def _entries(body: bytes) -> list[Mapping[str, Any]] | None:
    document = _document(body)
    if not isinstance(document, list) or not all(isinstance(entry, Mapping) for entry in document):
        return None
    return document


def _document(body: bytes) -> object:
    """Return a JSON document; None if it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
