"""The endpoints of the distribution API that we use, one method each; answers are verified and typed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin, urlsplit

from convos_infra.registry import hosts
from convos_infra.registry import manifest as manifests
from convos_infra.registry.errors import (
    BadAnswerError,
    NoSuchManifestError,
    NoSuchRepositoryError,
    NotAnImageError,
    RegistryError,
    UnsupportedError,
)
from convos_infra.registry.link import LinkError, next_target
from convos_infra.registry.reference import is_digest, short_digest
from convos_infra.registry.token import Login, RegistryCredentials, Scope, unauthorized
from convos_infra.registry.transport import RegistryAnswer, RegistryTransport
from railway_api.redact import redact

if TYPE_CHECKING:
    from convos_infra.registry.challenge import Challenge

TAGS_PAGE = 1000
_MOST_PAGES = 1000
_LONGEST_QUOTE = 160
_OK = 200
_ACCEPTED = 202
_UNAUTHORIZED = 401
_FORBIDDEN = 403
_NOT_FOUND = 404
_METHOD_NOT_ALLOWED = 405
_HEAD_IS_NOT_SERVED = frozenset({400, _METHOD_NOT_ALLOWED, 406, 415, 501})
"""The statuses of registries and proxies that do not implement HEAD; then a GET is sent."""
_MANIFEST_TYPES = {"Accept": ", ".join(manifests.ACCEPTED)}


class RegistryClient:
    """A client of one registry, for one thread.

    Args:
        registry: `host[:port]`; plain http is used on this machine only.
        credentials: for this registry; None reads public repositories only.
        subject: the subject of errors, in the user's words, such as the config key `imageTag`.
        realm_hosts: hosts other than the registry that may receive the credentials.
        known: a challenge to answer before the registry sends it.
        transport: sends the requests; None creates one.
    """

    def __init__(
        self,
        registry: str,
        *,
        credentials: RegistryCredentials | None = None,
        subject: str = "image",
        realm_hosts: frozenset[str] = frozenset(),
        known: Challenge | None = None,
        transport: RegistryTransport | None = None,
    ) -> None:
        self.registry = registry
        self.subject = subject
        self._has_credentials = credentials is not None
        self._base = hosts.api_url(registry)
        self._transport = transport or RegistryTransport(registry, subject)
        self._login = Login(registry, self._transport, subject, credentials, realm_hosts=realm_hosts, known=known)

    @property
    def requests(self) -> int:
        """The number of HTTP requests sent, including logins, redirects and retries."""
        return self._transport.requests

    def digest(self, repository: str, version: str) -> str:
        """Return the digest of a tag or digest, or the empty string if it does not exist. One HEAD request.

        Docker Hub counts only GET requests against its pull limit. If a HEAD answer has no digest, a GET is sent.
        """
        answer = self._send("HEAD", _manifest_path(repository, version), Scope(repository), _MANIFEST_TYPES)
        if answer.status == _NOT_FOUND:
            return ""
        if answer.status in _HEAD_IS_NOT_SERVED:
            return self.manifest(repository, version).digest
        if answer.status == _OK:
            digest = answer.headers.get("Docker-Content-Digest", "")
            return digest if is_digest(digest) else self.manifest(repository, version).digest
        raise self._unexpected(answer)

    def manifest(self, repository: str, version: str) -> manifests.Manifest:
        """Return the manifest or index of a tag or digest, verified against the digest.

        Raises:
            NoSuchManifestError, NoSuchRepositoryError: it does not exist.
            NotAnImageError: it is something else.
            BadAnswerError: the content does not match the digest.
        """
        answer = self.document(repository, version)
        try:
            return manifests.parse_manifest(answer.body, answer.headers.get("Content-Type", ""))
        except manifests.ManifestError as error:
            raise NotAnImageError(self.subject, f"{self._place(repository, version)} {error}") from None

    def document(self, repository: str, version: str) -> RegistryAnswer:
        """Return the content of a tag or digest, of any kind of manifest, verified against the digest.

        Raises:
            NoSuchManifestError, NoSuchRepositoryError: it does not exist.
            BadAnswerError: the content does not match the digest.
        """
        answer = self._send("GET", _manifest_path(repository, version), Scope(repository), _MANIFEST_TYPES)
        self._check_found(answer, repository, version)
        self._verify(answer, version)
        return answer

    def config(self, repository: str, digest: str) -> manifests.ImageConfig:
        """Return an image's config, verified against the digest. Many registries redirect to a blob store.

        Raises:
            NoSuchManifestError: it does not exist.
            NotAnImageError: it is something else.
        """
        answer = self._send("GET", f"/v2/{repository}/blobs/{digest}", Scope(repository), {})
        self._check_found(answer, repository, digest)
        self._verify(answer, digest)
        try:
            return manifests.parse_config(answer.body)
        except manifests.ManifestError as error:
            raise NotAnImageError(self.subject, f"config {self._place(repository, digest)} {error}") from None

    def tags(self, repository: str) -> list[str]:
        """Return all tags of a repository, page by page, each once, in the registry's order.

        Raises:
            NoSuchRepositoryError: the registry does not know it.
        """
        return list(dict.fromkeys(tag for page in self._tag_pages(repository) for tag in page))

    def delete(self, repository: str, digest: str) -> bool:
        """Delete a manifest with all its tags; return False if it was gone already.

        Raises:
            UnsupportedError: the registry does not support deletion.
        """
        answer = self._send("DELETE", _manifest_path(repository, digest), Scope(repository, "pull,delete"), {})
        if answer.status == _METHOD_NOT_ALLOWED:
            problem = f"{self.registry} does not support deletion of manifests (405)"
            raise UnsupportedError(self.subject, problem, "enable deletion in the registry, or use its own API")
        if answer.status not in {_ACCEPTED, _OK, 204, _NOT_FOUND}:
            raise self._unexpected(answer)
        return answer.status != _NOT_FOUND

    def _tag_pages(self, repository: str) -> Iterator[list[str]]:
        path: str | None = f"/v2/{repository}/tags/list?{urlencode({'n': TAGS_PAGE})}"
        seen: set[str] = set()
        while path is not None:
            if path in seen or len(seen) >= _MOST_PAGES:
                raise BadAnswerError(self.subject, f"{self.registry} returns endless pages of tags")
            seen.add(path)
            answer = self._send("GET", path, Scope(repository), {})
            if answer.status == _NOT_FOUND and len(seen) == 1:
                raise self._no_repository(repository)
            if answer.status != _OK:
                raise self._unexpected(answer)
            yield self._read_tags(answer)
            path = self._next_page(answer, f"{self._base}{path}")

    def _read_tags(self, answer: RegistryAnswer) -> list[str]:
        try:
            document = json.loads(answer.body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, Mapping):
            raise BadAnswerError(self.subject, f"{self.registry} did not answer with a list of tags")
        tags = document.get("tags") or []  # null if all tags were deleted (distribution 2.8)
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise BadAnswerError(self.subject, f"{self.registry} answered with a list of tags that are not all texts")
        return list(tags)

    def _next_page(self, answer: RegistryAnswer, asked: str) -> str | None:
        try:
            target = next_target(answer.headers.get("Link", ""))
        except LinkError as error:
            raise BadAnswerError(self.subject, f"{self.registry} sent a list of tags whose Link {error}") from None
        if target is None:
            return None
        url = urljoin(asked, target)  # relative to the page that contains it (RFC 8288, section 3.1)
        if hosts.origin_of(url) != hosts.origin_of(self._base):
            raise BadAnswerError(self.subject, f"{self.registry} continues its list of tags on another host")
        parts = urlsplit(url)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def _send(self, method: str, path: str, scope: Scope, headers: Mapping[str, str]) -> RegistryAnswer:
        """Send a request. On a 401, log in and send it again once: the token was missing, or it has expired."""
        url = f"{self._base}{path}"
        answer = self._transport.send(method, url, headers, self._login.header(scope))
        if answer.status == _UNAUTHORIZED:
            header = self._login.renewed(answer.headers.get("WWW-Authenticate", ""), scope)
            if header:
                answer = self._transport.send(method, url, headers, header)
        if answer.status in {_UNAUTHORIZED, _FORBIDDEN}:
            place = f"{self.registry}/{scope.repository}"
            raise unauthorized(self.subject, place, has_credentials=self._has_credentials)
        return answer

    def _check_found(self, answer: RegistryAnswer, repository: str, version: str) -> None:
        if answer.status != _OK and "html" in answer.headers.get("Content-Type", ""):
            problem = f"{self.registry} answers {answer.status} with a web page"
            raise BadAnswerError(self.subject, problem, "check the name: that is not a registry")
        if answer.status == _NOT_FOUND:
            if "NAME_UNKNOWN" in _codes(answer.body):
                raise self._no_repository(repository)
            raise NoSuchManifestError(self.subject, f"{self._place(repository, version)} does not exist")
        if answer.status != _OK:
            raise self._unexpected(answer)

    def _verify(self, answer: RegistryAnswer, version: str) -> None:
        have = manifests.digest_of(answer.body)
        said = version if is_digest(version) else answer.headers.get("Docker-Content-Digest", have)
        if said != have:
            problem = f"{self.registry} sent {short_digest(have)} instead of {short_digest(said)}"
            raise BadAnswerError(self.subject, problem, "try again; if it persists, a proxy changes the content")

    def _place(self, repository: str, version: str) -> str:
        location = f"{self.registry}/{repository}"
        return f"{location}@{short_digest(version)}" if is_digest(version) else f"{location}:{version}"

    def _no_repository(self, repository: str) -> NoSuchRepositoryError:
        problem = f"{self.registry} has no repository {repository}"
        return NoSuchRepositoryError(self.subject, problem, "check the name; a repository is created by its first push")

    def _unexpected(self, answer: RegistryAnswer) -> RegistryError:
        said = "; ".join(_codes(answer.body))[:_LONGEST_QUOTE]
        quoted = f' "{redact(said, self._login.secrets)}"' if said else ""
        return BadAnswerError(self.subject, f"{self.registry} answers {answer.status}{quoted}")


def _manifest_path(repository: str, version: str) -> str:
    return f"/v2/{repository}/manifests/{version}"


def _codes(body: bytes) -> list[str]:
    """Return the error codes of the distribution API in a body, such as `MANIFEST_UNKNOWN`."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return []
    errors = document.get("errors") if isinstance(document, Mapping) else None
    entries = errors if isinstance(errors, list) else []
    return [str(entry.get("code", "")) for entry in entries if isinstance(entry, Mapping)]
