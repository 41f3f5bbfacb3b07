"""Manifests and indexes, from bytes to values."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convos_infra.registry import manifest as manifests
from convos_infra.registry.manifest import ManifestError, matches, parse_config, parse_created, parse_manifest

DIGESTS = [f"sha256:{digit * 64}" for digit in "0123456789abcdef"]


def document(**changes: Any) -> bytes:
    base: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": manifests.OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": DIGESTS[0], "size": 10},
        "layers": [{"digest": DIGESTS[1], "size": 200}, {"digest": DIGESTS[2], "size": 3000}],
    }
    return json.dumps({key: value for key, value in {**base, **changes}.items() if value is not None}).encode()


def index(*entries: dict[str, Any], media_type: str = manifests.OCI_INDEX) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": list(entries)}).encode()


def entry(number: int, os: str, architecture: str, variant: str = "", **more: Any) -> dict[str, Any]:
    platform = {"os": os, "architecture": architecture} | ({"variant": variant} if variant else {})
    return {"mediaType": manifests.OCI_MANIFEST, "digest": DIGESTS[number], "size": 5, "platform": platform, **more}


def test_a_single_manifest_knows_its_config_and_size() -> None:
    content = document(annotations={"a": "b", "odd": 3})
    found = parse_manifest(content)
    assert (found.config, found.size_bytes, found.is_index) == (DIGESTS[0], 3210, False)
    assert found.digest == manifests.digest_of(content)
    assert dict(found.annotations) == {"a": "b"}


@pytest.mark.parametrize("media_type", [manifests.OCI_INDEX, manifests.DOCKER_INDEX])
def test_an_index_lists_its_platforms_once_each(media_type: str) -> None:
    content = index(
        entry(1, "linux", "arm64", "v8"), entry(2, "linux", "amd64"), entry(3, "linux", "amd64"), media_type=media_type
    )
    assert parse_manifest(content).platforms == ("linux/amd64", "linux/arm64/v8")


@pytest.mark.parametrize(
    "attestation",
    [
        entry(2, "unknown", "unknown", annotations={"vnd.docker.reference.type": "attestation-manifest"}),
        entry(2, "unknown", "unknown"),
        entry(2, "linux", "amd64", annotations={"vnd.docker.reference.type": "attestation-manifest"}),
    ],
    ids=["as BuildKit writes it", "platform alone", "annotation alone"],
)
def test_attestation_children_are_not_platforms(attestation: dict[str, Any]) -> None:
    found = parse_manifest(index(entry(1, "linux", "amd64"), attestation))
    assert found.platforms == ("linux/amd64",)
    assert [child.digest for child in found.images] == [DIGESTS[1]]
    assert len(found.children) == 2


@pytest.mark.parametrize("header", [f"{manifests.OCI_MANIFEST}; charset=utf-8", "application/json", ""])
def test_a_manifest_without_a_media_type_is_known_by_its_shape(header: str) -> None:
    assert parse_manifest(document(mediaType=None), header).media_type == manifests.OCI_MANIFEST


@pytest.mark.parametrize(
    ("content", "header", "words"),
    [
        (b"<!doctype html><title>Log in</title>", "text/html", "is HTML"),
        (b"  <html>", "", "is HTML"),
        (b"{}", "text/html; charset=utf-8", "is HTML"),
        (b"", "", "is not JSON"),
        (b"no such page", "text/plain", "is not JSON"),
        (b"[]", "", "is JSON, but not a manifest"),
        (b"{}", "", "is JSON, but not a manifest"),
        (document(schemaVersion=1), "", "schema 1"),
        (document(config=None), "", "a manifest without a config"),
        (document(mediaType="application/vnd.example+json"), "", "has media type 'application/vnd.example+json'"),
        (document(config={"digest": "../../etc/passwd"}), "", "where a sha256 digest belongs"),
        (index({"digest": "sha256:short"}), "", "names 'sha256:short' where a sha256 digest belongs"),
        (index({"platform": {"os": "linux", "architecture": "amd64"}}), "", "where a sha256 digest belongs"),
    ],
)
def test_what_is_no_manifest_is_named(content: bytes, header: str, words: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(content, header)
    assert words in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["schemaVersion", "mediaType", "config", "layers", "manifests", "annotations", "subject"]),
        json_values | st.just(2),
    )
)
def test_any_json_is_a_manifest_or_is_named(value: dict[str, Any]) -> None:
    with contextlib.suppress(ManifestError):
        parse_manifest(json.dumps(value).encode())


def test_a_config_has_platform_labels_and_date() -> None:
    content = json.dumps(
        {"os": "linux", "architecture": "arm", "variant": "v7", "created": "x", "config": {"Labels": {"a": "b"}}}
    ).encode()
    found = parse_config(content)
    assert (found.platform, dict(found.labels), found.created) == ("linux/arm/v7", {"a": "b"}, "x")


@pytest.mark.parametrize("content", [b'{"config":{"Labels":null}}', b'{"config":null}', b"{}"])
def test_a_config_that_says_nothing_is_still_one(content: bytes) -> None:
    assert parse_config(content).labels == {}


@pytest.mark.parametrize(
    ("wanted", "offered", "fits"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm64/v8", "linux/arm64", False),
        ("linux/arm", "linux/arm64", False),
        ("linux/amd64", "windows/amd64", False),
        ("linux/amd64", "", False),
    ],
)
def test_a_platform_takes_its_variants(wanted: str, offered: str, fits: bool) -> None:
    assert matches(wanted, offered) is fits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20T10:00:00Z", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20T10:00:00.123456789Z", datetime(2026, 11, 20, 10, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-20T10:00:00.5+02:00", datetime(2026, 11, 20, 10, 0, 0, 500000, tzinfo=timezone(timedelta(hours=2)))),
        ("1970-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00Z", None),
        ("2026-11-20T10:00:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_are_read_and_the_epoch_is_none(text: str, expected: datetime | None) -> None:
    assert parse_created(text) == expected


@given(st.text(max_size=40))
def test_any_date_is_read_without_trouble(text: str) -> None:
    parse_created(text)
