"""GitHub's packages API over a real registry: versions with ids, and the rules that its DELETE is known for."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from tests.registry.gate import Canned, Gate

if TYPE_CHECKING:
    from tests.registry.pushing import Repository

TOKEN = "token-of-the-retention-job"


@dataclass
class Version:
    """One version as GitHub keeps it."""

    digest: str
    tags: list[str]
    created: str
    is_popular: bool = False


@dataclass
class GitHub:
    """The answers of `api.github.com` for one package; `serve` puts them behind a gate."""

    repository: Repository
    versions: dict[int, Version] = field(default_factory=dict)
    link: str = '<{path}?per_page={size}&page={next}>; rel="next"'
    short_pages: frozenset[int] = frozenset()
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1000))

    def add(self, digest: str, created: str, *tags: str) -> None:
        self.versions[next(self._numbers)] = Version(digest, list(tags), created)

    def serve(self, gate: Gate) -> None:
        gate.instead = self.answer

    def answer(self, method: str, path: str, authorization: str) -> Canned:
        if authorization != f"Bearer {TOKEN}":
            return _message(401, "Bad credentials")
        parts = urlsplit(path)
        owner, _, package = self.repository.name.partition("/")
        prefix = f"/orgs/{owner}/packages/container/{package}/versions"
        if not unquote(parts.path).startswith(prefix):
            return _message(404, "Package not found.")
        if method == "DELETE":
            return self._delete(int(parts.path.rpartition("/")[2]))
        if not parts.path.endswith("/versions"):
            return self._one(int(parts.path.rpartition("/")[2]))
        query = parse_qs(parts.query)
        size, page = int(query["per_page"][0]), int(query.get("page", ["1"])[0])
        every = sorted(self.versions, reverse=True)
        ids = every[(page - 1) * size : page * size]
        headers = {"Content-Type": "application/json"}
        if page * size < len(every):
            headers["Link"] = self.link.format(path=parts.path, size=size, next=page + 1)
        if page in self.short_pages and ids:  # GitHub filters what the token does not see after it has cut the page
            ids = ids[:-1]
        return Canned(200, headers, json.dumps([self._entry(one) for one in ids]).encode())

    def _one(self, number: int) -> Canned:
        if number not in self.versions:
            return _message(404, "Package not found.")
        return Canned(200, {"Content-Type": "application/json"}, json.dumps(self._entry(number)).encode())

    def _entry(self, number: int) -> dict[str, object]:
        version = self.versions[number]
        metadata = {"package_type": "container", "container": {"tags": version.tags}}
        return {"id": number, "name": version.digest, "created_at": version.created, "metadata": metadata}

    def _delete(self, number: int) -> Canned:
        if number not in self.versions:
            return _message(404, "Package not found.")
        version = self.versions[number]
        if version.tags and sum(bool(other.tags) for other in self.versions.values()) == 1:
            words = "You cannot delete the last tagged version of a package. You must delete the package instead."
            return _message(400, words)
        if version.is_popular:
            return _message(400, "Publicly visible package versions with more than 5000 downloads cannot be deleted.")
        del self.versions[number]
        self.repository.delete(version.digest)
        return Canned(204)


def _message(status: int, words: str) -> Canned:
    return Canned(status, {"Content-Type": "application/json"}, json.dumps({"message": words}).encode())
