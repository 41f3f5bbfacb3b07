"""What a stored document names, whatever kind of document it is."""

from __future__ import annotations

import hashlib
import json

import pytest

from convos_infra.registry.descriptors import UnreadableError, named_by

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")
LONG = f"sha512:{'d' * 128}"


@pytest.mark.parametrize(
    ("document", "children"),
    [
        ({"manifests": [{"digest": A}, {"digest": B}]}, (A, B)),
        ({"manifests": [{"digest": LONG}]}, (LONG,)),
        ({"config": {"digest": A}, "layers": [{"digest": B}]}, ()),
        ({"mediaType": "application/vnd.oci.artifact.manifest.v1+json", "blobs": [{"digest": A}]}, (A,)),
        ({"mediaType": "application/vnd.example.tomorrow", "parts": {"left": {"digest": A}}}, (A,)),
        ({"manifests": [{"digest": A, "annotations": {"digest": "free text"}}]}, (A,)),
        ({"manifests": [{"digest": A}, {"digest": A}]}, (A,)),
        ({"Manifests": [{"Digest": A}], "Config": {"digest": B}}, (A,)),
        ({}, ()),
    ],
)
def test_everything_that_a_document_lists_is_named(document: object, children: tuple[str, ...]) -> None:
    assert named_by(json.dumps(document).encode()).children == children


@pytest.mark.parametrize(
    ("content", "children", "subject"),
    [
        (f'{{"manifests": [{{"digest": "{A}"}}], "manifests": []}}', (A,), ""),
        (f'{{"manifests": [{{"digest": "{A}", "digest": "{B}"}}]}}', (A, B), ""),
        (f'{{"manifests": [], "MANIFESTS": [{{"DIGEST": "{A}"}}]}}', (A,), ""),
        (f'{{"subject": {{"digest": "{C}"}}, "subject": null}}', (), C),
    ],
)
def test_a_key_that_is_there_twice_counts_twice(content: str, children: tuple[str, ...], subject: str) -> None:
    """Which of the two a client reads depends on its parser."""
    found = named_by(content.encode())
    assert (found.children, found.subject) == (children, subject)


def test_the_subject_is_no_child() -> None:
    found = named_by(json.dumps({"subject": {"digest": C}, "manifests": [{"digest": A}]}).encode())
    assert (found.subject, found.children) == (C, (A,))


def test_a_document_may_be_named_by_its_sha512() -> None:
    long = hashlib.sha512(b"{}").hexdigest()
    assert named_by(b"{}").aliases == (f"sha512:{long}", f"sha512:{long[:64]}")


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b"<html>", b'{"manifests":[{"digest":7}]}', b'{"manifests":[{"digest":"x"}]}', b"\xff"],
)
def test_what_cannot_be_followed_is_unreadable(content: bytes) -> None:
    with pytest.raises(UnreadableError):
        named_by(content)


def test_a_document_that_is_nested_without_end_is_followed_or_refused() -> None:
    deep = b'{"a":' * 900 + b"{}" + b"}" * 900
    assert named_by(deep).children == ()
    with pytest.raises(UnreadableError):
        named_by(b'{"a":' * 500_000)
