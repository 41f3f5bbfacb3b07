"""Retention of 200 versions, in pages of any form, with a fault at each request: what is in use pulls afterwards."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from convos_infra.registry import packages
from convos_infra.registry.client import RegistryClient
from convos_infra.registry.delete import carry_out, plan_for
from convos_infra.registry.errors import RegistryError
from convos_infra.registry.packages import Packages
from convos_infra.registry.reference import ImageReference, parse
from convos_infra.registry.retention import Rules
from convos_infra.registry.retry import RegistryBudget
from convos_infra.registry.transport import Pace, RegistryTransport
from tests.registry.gate import Canned, Gate
from tests.registry.github import TOKEN, GitHub
from tests.registry.pushing import AMD64, OCI_INDEX, Pushed, Repository, digest_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULES = Rules(newest=2, younger_than=timedelta(days=7))
BUDGET = RegistryBudget(attempts=2)
ALL = bool(os.environ.get("RETENTION_EVERY_REQUEST"))
FAULTS = {
    "not found": Canned(404),
    "forbidden": Canned(403),
    "rate limit": Canned(403, {"X-RateLimit-Remaining": "0"}, b'{"message":"API rate limit exceeded"}'),
    "html": Canned(200, {"Content-Type": "text/html"}, b"<html>"),
    "empty list": Canned(200, {"Content-Type": "application/json"}, b"[]"),
    "empty object": Canned(200, {"Content-Type": "application/json"}, b"{}"),
}

LINKS = (
    '<{path}?per_page={size}&page={next}>; rel="next"',
    "<?page={next}&per_page={size}>; rel=next",
    '<{path}?page={next}&per_page={size}>; REL="NEXT"',
    '</first>; rel="first", <versions?page={next}&per_page={size}>; title="a, b"; rel="last next"',
)
"""The next page in ways that RFC 8288 allows."""


def days_ago(days: int) -> str:
    return (NOW - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Stage:
    """A registry behind a gate, and GitHub's API in front of the same repository."""

    repository: Repository
    github: GitHub
    registry: Gate
    api: Gate
    in_use: list[ImageReference]
    needed: list[str]

    def run(self, most: int | None = None) -> int:
        pace = Pace(sleep=lambda seconds: None)
        client = RegistryClient(
            self.registry.host, transport=RegistryTransport(self.registry.host, "image", budget=BUDGET, pace=pace)
        )
        transport = RegistryTransport(self.api.host, "retention", budget=BUDGET, pace=pace)
        versions = Packages(self.repository.name, TOKEN, api=self.api.host, transport=transport)
        listed = versions.versions()
        plan = plan_for(client, self.repository.name, self.in_use, RULES, listed=listed, now=NOW)
        return carry_out(client, self.repository.name, plan, self.in_use, lambda _: None, versions, most=most)

    def broken(self) -> list[str]:
        return [digest for digest in self.needed if not self.repository.pulls(digest)]

    def fail_request(self, number: int, fault: Canned) -> None:
        """Answer one request of the two servers, counted together from 0, with a fault."""
        seen = iter(range(10**9))
        for gate in (self.registry, self.api):
            gate.instead = self._once_failing(gate, number, fault, seen)

    def _once_failing(
        self, gate: Gate, number: int, fault: Canned, seen: Iterator[int]
    ) -> Callable[[str, str, str], Canned]:
        def answer(method: str, path: str, authorization: str) -> Canned:
            if next(seen) == number:
                return fault
            if gate is self.api:
                return self.github.answer(method, path, authorization)
            return gate._tags_page(path) if "/tags/list" in path else gate._pass_on(method, path)

        return answer


def fill(repository: Repository, github: GitHub, versions: int) -> tuple[list[str], list[str]]:
    """Push old versions of which some are in use: attested, nested, signed; return their references and digests."""

    def add(days: int, *parts: Pushed, tags: tuple[str, ...] = ()) -> None:
        for number, part in enumerate(parts):
            github.add(part.digest, days_ago(days), *(tags if number == 0 else ()))

    used = repository.attested("scaling", content="scaling", created=days_ago(300))
    add(300, *used, tags=("scaling",))
    nested_single = repository.image(content="nested", created=days_ago(290))
    inner = repository.index("", {AMD64: nested_single})
    outer = repository.index("staging", {AMD64: inner})
    add(290, outer, inner, nested_single, tags=("staging",))
    signature = repository.manifest(
        {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [],
            "subject": {"mediaType": used[0].media_type, "digest": used[0].digest, "size": used[0].size},
        },
        OCI_INDEX,
    )
    add(280, signature)
    by_digest = repository.image(content="an agent's", created=days_ago(270))
    parent = repository.index("forgotten", {AMD64: by_digest})
    add(270, parent, by_digest, tags=("forgotten",))
    needed = [*used, outer, inner, nested_single, signature, by_digest]
    count = len(github.versions)
    number = 0
    while count + 3 * number < versions:
        add(60 + number, *repository.attested(f"old-{number}", content=f"v{number}"), tags=(f"old-{number}",))
        number += 1
    location = repository.location
    return [f"{location}:scaling", f"{location}:staging", f"{location}@{by_digest.digest}"], [n.digest for n in needed]


@pytest.fixture
def stage(repository: Repository, request: pytest.FixtureRequest) -> Iterator[Stage]:
    versions = getattr(request, "param", 27)
    github = GitHub(repository)
    references, needed = fill(repository, github, versions)
    with Gate(repository.host) as registry, Gate(repository.host) as api:
        github.serve(api)
        in_use = [parse(text.replace(repository.host, registry.host)) for text in references]
        yield Stage(repository, github, registry, api, in_use, needed)


@pytest.mark.parametrize("stage", [200], indirect=True)
def test_two_hundred_versions_in_short_pages_lose_nothing_that_is_in_use(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "PAGE", 30)
    stage.registry.page = 20
    for link in LINKS:
        stage.github.link = link
        listed = Packages(stage.repository.name, TOKEN, api=stage.api.host).versions()
        assert {version.digest for version in listed} == {one.digest for one in stage.github.versions.values()}, link
    assert stage.run() > 150
    assert stage.broken() == []
    assert len(stage.github.versions) < 50
    assert stage.run() == 0


def test_a_short_page_is_not_the_last_one(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on a page that was cut is not known to exist: its tag is missed, and nothing goes."""
    monkeypatch.setattr(packages, "PAGE", 10)
    stage.github.short_pages = frozenset({1, 2, 3})
    before = len(stage.github.versions)
    try:
        stage.run()
    except RegistryError:
        assert len(stage.github.versions) == before
    assert stage.broken() == []


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_at_any_request_leaves_everything_in_use(
    stage: Stage, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sample of the requests; RETENTION_EVERY_REQUEST=1 fails each one in turn."""
    monkeypatch.setattr(packages, "PAGE", 10)
    total = 110
    failed = 0
    for number in range(0, total, 1 if ALL else 13):
        stage.fail_request(number, FAULTS[kind])
        try:
            stage.run(most=2)
        except RegistryError:
            failed += 1
        assert stage.broken() == [], f"request {number}"
    assert failed


@pytest.mark.parametrize("kind", ["not found", "html", "forbidden"])
def test_an_index_in_use_that_cannot_be_read_stops_the_run_before_anything_went(stage: Stage, kind: str) -> None:
    index = stage.needed[0]
    stage.registry.can(f"GET /v2/{stage.repository.name}/manifests/{index}", *[FAULTS[kind]] * 9)
    before = len(stage.github.versions)
    with pytest.raises(RegistryError):
        stage.run()
    assert len(stage.github.versions) == before
    assert not [seen for seen in stage.api.seen if seen.method == "DELETE"]


def test_an_image_in_use_that_is_gone_stops_the_run_before_anything_went(stage: Stage) -> None:
    stage.in_use.append(parse(f"{stage.registry.host}/{stage.repository.name}@sha256:{'0' * 64}"))
    with pytest.raises(RegistryError, match="is in use, but not in the registry; nothing is deleted"):
        stage.run()
    assert not [seen for seen in stage.api.seen if seen.method == "DELETE"]


def test_a_tag_that_the_list_of_versions_lacks_stops_the_run(stage: Stage) -> None:
    lost = next(number for number, version in stage.github.versions.items() if version.tags == ["staging"])
    del stage.github.versions[lost]
    with pytest.raises(RegistryError, match="the list of versions lacks tag staging"):
        stage.run()
    assert stage.broken() == []


def test_a_rate_limit_stops_the_run_and_the_next_goes_on(stage: Stage) -> None:
    limit = FAULTS["rate limit"]
    stage.api.can("DELETE ", Canned(204), limit)
    with pytest.raises(RegistryError, match="rate limit is used up"):
        stage.run()
    assert len([seen for seen in stage.api.seen if seen.method == "DELETE"]) == 2
    assert stage.run() > 3
    assert stage.broken() == []


def test_a_run_stops_at_its_limit_and_the_next_goes_on(stage: Stage) -> None:
    assert stage.run(most=4) == 4
    assert stage.run(most=4) == 4
    assert stage.run() > 3
    assert stage.run() == 0
    assert stage.broken() == []


def test_a_version_without_its_tags_is_no_orphan(stage: Stage) -> None:
    entry = [{"id": 1, "name": stage.needed[0], "created_at": days_ago(300), "metadata": {}}]
    stage.api.can("GET ", Canned(200, {}, json.dumps(entry).encode()))
    with pytest.raises(RegistryError, match="without its tags"):
        stage.run()


def test_an_entry_addressed_by_sha512_keeps_what_it_names(repository: Repository) -> None:
    """The registry stores the child under its sha256; the index names it by another algorithm."""
    github = GitHub(repository)
    child = repository.image(content="named by sha512", created=days_ago(90))
    long = f"sha512:{hashlib.sha512(child.content).hexdigest()}"
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{**child.descriptor(AMD64), "digest": long}]}
    content = json.dumps(document, indent=1).encode()
    old = repository.image("old", content="old", created=days_ago(90))
    with Gate(repository.host) as registry, Gate(repository.host) as api:
        index = digest_of(content)
        github.serve(api)
        for digest, tags in ((index, ["scaling"]), (child.digest, []), (old.digest, ["old"])):
            github.add(digest, days_ago(90), *tags)
        served = Canned(200, {"Content-Type": OCI_INDEX, "Docker-Content-Digest": index}, content)
        for version in (index, "scaling"):
            for method in ("GET", "HEAD"):
                registry.can(f"{method} /v2/{repository.name}/manifests/{version}", *[served] * 9)
        client = RegistryClient(registry.host)
        listed = Packages(repository.name, TOKEN, api=api.host).versions()
        in_use = [parse(f"{registry.host}/{repository.name}:scaling")]
        rules = Rules(newest=0, younger_than=timedelta(days=7))
        plan = plan_for(client, repository.name, in_use, rules, listed=listed, now=NOW)
        assert [gone.digest for gone in plan.doomed] == [old.digest]
