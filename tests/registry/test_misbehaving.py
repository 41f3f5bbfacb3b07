"""Registries that are slow, broken, or no registries: one line each, after a bounded number of tries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from convos_infra.registry import transport
from convos_infra.registry.client import RegistryClient
from convos_infra.registry.errors import (
    BadAnswerError,
    BusyError,
    NotAnImageError,
    RegistryError,
    UnreachableError,
    UnsupportedError,
)
from convos_infra.registry.reference import parse
from convos_infra.registry.resolve import current_digest, resolve
from convos_infra.registry.transport import Pace, RegistryTransport
from tests.registry.gate import Canned, Gate
from tests.registry.pushing import OCI_MANIFEST, Repository


@dataclass
class Clock:
    """Waits are written down instead of waited."""

    waits: list[float] = field(default_factory=list)

    def pace(self) -> Pace:
        return Pace(sleep=self.waits.append, random=lambda: 0.0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(repository: Repository) -> Iterator[Gate]:
    with Gate(repository.host) as opened:
        yield opened


def client_of(gate: Gate, clock: Clock) -> RegistryClient:
    return RegistryClient(
        gate.host, subject="imageTag", transport=RegistryTransport(gate.host, "imageTag", pace=clock.pace())
    )


def line(gate: Gate, repository: Repository, clock: Clock, error: type[RegistryError]) -> str:
    with pytest.raises(error) as caught:
        resolve(f"{gate.host}/{repository.name}:scaling", client=client_of(gate, clock))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_registry_that_hiccups_is_asked_again(gate: Gate, repository: Repository, clock: Clock, status: int) -> None:
    pushed = repository.image("scaling")
    gate.can("GET /v2/", Canned(status), Canned(status))
    assert resolve(f"{gate.host}/{repository.name}:scaling", client=client_of(gate, clock)).digest == pushed.digest
    assert clock.waits == pytest.approx([0.1, 0.3])


def test_retry_after_is_honoured(gate: Gate, repository: Repository, clock: Clock) -> None:
    repository.image("scaling")
    gate.can("GET /v2/", Canned(429, {"Retry-After": "7"}), Canned(503, {"Retry-After": "0"}))
    resolve(f"{gate.host}/{repository.name}:scaling", client=client_of(gate, clock))
    assert clock.waits == [7.0, 0.0]


def test_a_wait_beyond_the_budget_is_said_and_not_waited(gate: Gate, repository: Repository, clock: Clock) -> None:
    gate.can("GET /v2/", Canned(429, {"Retry-After": "3600"}))
    text = line(gate, repository, clock, BusyError)
    assert text.startswith(f"imageTag: {gate.host} limits our requests (429) and asks to wait 3600 s; ")
    assert clock.waits == []


def test_a_registry_that_stays_broken_is_asked_four_times(gate: Gate, repository: Repository, clock: Clock) -> None:
    gate.can("GET /v2/", *[Canned(503)] * 9)
    expected = f"imageTag: {gate.host} answers 503; the registry has a problem: try later"
    assert line(gate, repository, clock, BusyError) == expected
    assert len(gate.seen) == 4


def test_an_answer_that_is_cut_is_asked_for_again(gate: Gate, repository: Repository, clock: Clock) -> None:
    pushed = repository.image("scaling")
    gate.can("GET /v2/", Canned(200, {"Content-Length": "500"}, b'{"cut":'))
    assert resolve(f"{gate.host}/{repository.name}:scaling", client=client_of(gate, clock)).digest == pushed.digest
    assert len(clock.waits) == 1


def test_a_connection_that_always_breaks_is_unreachable(gate: Gate, repository: Repository, clock: Clock) -> None:
    gate.can("GET /v2/", *[Canned(200, {"Content-Length": "500"}, b'{"cut":')] * 4)
    text = line(gate, repository, clock, UnreachableError)
    assert text.startswith(f"imageTag: cannot reach {gate.host}: the connection broke; ")


def test_html_instead_of_a_manifest_is_named(gate: Gate, repository: Repository, clock: Clock) -> None:
    gate.can("GET /v2/", Canned(200, {"Content-Type": "text/html"}, b"<html><body>Log in</body></html>"))
    text = line(gate, repository, clock, NotAnImageError)
    assert "is HTML, not a manifest; is that a registry, or a login page in front of it?" in text


def test_a_schema_1_manifest_is_refused(gate: Gate, repository: Repository, clock: Clock) -> None:
    body = json.dumps({"schemaVersion": 1, "name": repository.name, "fsLayers": []}).encode()
    gate.can("GET /v2/", Canned(200, {"Content-Type": "application/vnd.docker.distribution.manifest.v1+json"}, body))
    assert "is a schema 1 manifest" in line(gate, repository, clock, NotAnImageError)


@pytest.mark.parametrize("by", ["header", "reference"])
def test_manifest_bytes_match_the_digest(gate: Gate, repository: Repository, clock: Clock, by: str) -> None:
    pushed = repository.image("scaling")
    forged = Canned(200, {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": pushed.digest}, pushed.content + b" ")
    gate.can("GET /v2/", forged)
    version = ":scaling" if by == "header" else f"@{pushed.digest}"
    with pytest.raises(BadAnswerError, match=f"instead of {pushed.digest[:15]}"):
        resolve(f"{gate.host}/{repository.name}{version}", client=client_of(gate, clock))


def test_config_bytes_match_the_digest(gate: Gate, repository: Repository, clock: Clock) -> None:
    repository.image("scaling")
    gate.can(f"GET /v2/{repository.name}/blobs/", Canned(200, {}, b'{"os":"linux","architecture":"amd64"}'))
    assert "instead of sha256:" in line(gate, repository, clock, BadAnswerError)


def test_a_body_without_end_is_cut_off(
    gate: Gate, repository: Repository, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "LARGEST_BODY", 1024 * 1024)
    gate.can("GET /v2/", Canned(200, {}, b" " * (2 * 1024 * 1024)))
    assert "sends more than 1 MiB" in line(gate, repository, clock, BadAnswerError)


def test_redirects_in_a_circle_end(gate: Gate, repository: Repository, clock: Clock) -> None:
    gate.can("GET /v2/", *[Canned(302, {"Location": f"/v2/{repository.name}/manifests/scaling"})] * 20)
    assert "redirected 5 times" in line(gate, repository, clock, BadAnswerError)
    assert len(gate.seen) == 6


@pytest.mark.parametrize("target", ["http://registry.example/v2/", "file:///etc/passwd", "ftp://127.0.0.1/"])
def test_a_redirect_to_where_nothing_good_is_is_refused(
    gate: Gate, repository: Repository, clock: Clock, target: str
) -> None:
    gate.can("GET /v2/", Canned(302, {"Location": target}))
    assert "which is not followed" in line(gate, repository, clock, BadAnswerError)


@pytest.mark.parametrize("status", [200, 400, 405, 501])
def test_a_head_that_names_no_digest_or_is_not_served_is_followed_by_a_get(
    gate: Gate, repository: Repository, clock: Clock, status: int
) -> None:
    pushed = repository.image("scaling")
    gate.can("HEAD /v2/", Canned(status))
    reference = parse(f"{gate.host}/{repository.name}:scaling")
    assert current_digest(reference, client=client_of(gate, clock)) == pushed.digest
    assert [seen.method for seen in gate.seen] == ["HEAD", "GET"]


def test_all_tags_are_listed_page_by_page(gate: Gate, repository: Repository, clock: Clock) -> None:
    for number in range(5):
        repository.image(f"v{number}")
    gate.page = 2
    client = client_of(gate, clock)
    assert client.tags(repository.name) == ["v0", "v1", "v2", "v3", "v4"]
    assert client.requests == 3


def test_a_page_on_another_host_is_not_fetched(gate: Gate, repository: Repository, clock: Clock) -> None:
    gate.can("GET /v2/", Canned(200, {"Link": '<http://127.0.0.2:1/v2/x>; rel="next"'}, b'{"tags":["v1"]}'))
    with pytest.raises(BadAnswerError, match="continues its list of tags on another host"):
        client_of(gate, clock).tags(repository.name)


def test_pages_in_a_circle_are_an_error_and_not_the_end_of_the_list(
    gate: Gate, repository: Repository, clock: Clock
) -> None:
    link = {"Link": f'</v2/{repository.name}/tags/list?n=1000>; rel="next"'}
    gate.can("GET /v2/", *[Canned(200, link, b'{"tags":["v1"]}')] * 9)
    with pytest.raises(BadAnswerError, match="returns endless pages of tags"):
        client_of(gate, clock).tags(repository.name)


def test_a_registry_that_does_not_delete_says_so(gate: Gate, repository: Repository, clock: Clock) -> None:
    """GHCR's answer to DELETE (containers/skopeo#1880)."""
    pushed = repository.image("scaling")
    gate.can("DELETE /v2/", Canned(405, {}, b'{"errors":[{"code":"UNSUPPORTED"}]}'))
    with pytest.raises(UnsupportedError, match=r"does not support deletion of manifests \(405\)"):
        client_of(gate, clock).delete(repository.name, pushed.digest)
    assert repository.pulls(pushed.digest)


def test_an_error_of_the_registry_is_quoted_by_its_code(gate: Gate, repository: Repository, clock: Clock) -> None:
    gate.can("GET /v2/", Canned(400, {}, b'{"errors":[{"code":"MANIFEST_INVALID","message":"x"}]}'))
    assert line(gate, repository, clock, BadAnswerError) == f'imageTag: {gate.host} answers 400 "MANIFEST_INVALID"'


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b"\xff\xfe", b'{"schemaVersion":2,"config":[]}', b"[" * 9999]
)
def test_rubbish_is_no_image(gate: Gate, repository: Repository, clock: Clock, body: Any) -> None:
    gate.can("GET /v2/", Canned(200, {}, body))
    line(gate, repository, clock, NotAnImageError)


def test_the_body_of_a_redirect_has_an_end_too(
    gate: Gate, repository: Repository, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "LARGEST_BODY", 1024 * 1024)
    gate.can("GET /v2/", Canned(302, {"Location": "/v2/elsewhere"}, b" " * (2 * 1024 * 1024)))
    assert "sends more than 1 MiB" in line(gate, repository, clock, BadAnswerError)
