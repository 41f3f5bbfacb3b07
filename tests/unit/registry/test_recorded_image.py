"""The `Image` resource: a record in the state, by reference, without secrets."""

from __future__ import annotations

import base64
import pickletools
from typing import Any

import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.rpc import UNKNOWN

from convos_infra.registry.resource import Image, ImageProvider

DIGEST = f"sha256:{'ee9764fe' * 8}"
RECORD: dict[str, Any] = {
    "repository": "ghcr.io/xmtplabs/convos-runtime",
    "tag": "scaling",
    "digest": DIGEST,
    "pinned": f"ghcr.io/xmtplabs/convos-runtime:scaling@{DIGEST}",
    "revision": "1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b",
    "created": "2026-11-20T10:00:00Z",
    "pinned_by": "follow",
}


def test_the_provider_is_pickled_by_reference() -> None:
    """Module path and class name are part of the state's format; anything more would be an instance's secret."""
    text = serialize_provider(ImageProvider())
    strings = [argument for _, argument, _ in pickletools.genops(base64.b64decode(text)) if isinstance(argument, str)]
    assert strings == ["convos_infra.registry.resource", "ImageProvider"]
    assert len(text) < 100


def test_the_type_is_part_of_the_state() -> None:
    assert Image._resource_type_name == "dynamic/registry:Image"


def test_the_same_record_is_no_change() -> None:
    found = ImageProvider().diff("recorded", {**RECORD, "__provider": "x"}, {**RECORD, "__provider": "y"})
    assert (found.changes, found.replaces) == (False, [])


@pytest.mark.parametrize("name", sorted(RECORD))
def test_each_field_that_differs_is_a_change_and_never_a_replacement(name: str) -> None:
    found = ImageProvider().diff("recorded", RECORD, {**RECORD, name: "other"})
    assert (found.changes, found.replaces) == (True, [])


def test_a_digest_that_is_not_known_yet_is_a_change() -> None:
    news = {**RECORD, "digest": UNKNOWN, "pinned": UNKNOWN, "pinned_by": "build"}
    assert ImageProvider().check(RECORD, news).failures == []
    assert ImageProvider().diff("recorded", RECORD, news).changes is True


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"digest": "scaling"}, ["digest"]),
        ({"digest": ""}, ["digest"]),
        ({"pinned_by": "luck"}, ["pinned_by"]),
        ({}, []),
    ],
)
def test_what_could_not_be_deployed_exactly_is_refused(changes: dict[str, str], wrong: list[str]) -> None:
    assert [failure.property for failure in ImageProvider().check({}, {**RECORD, **changes}).failures] == wrong


def test_create_update_and_read_answer_the_whole_record() -> None:
    provider = ImageProvider()
    assert provider.create(RECORD).outs == RECORD
    assert provider.update("recorded", {}, RECORD).outs == RECORD
    read = provider.read("recorded", RECORD)
    assert (read.id, read.outs, read.inputs) == ("recorded", RECORD, RECORD)
    provider.delete("recorded", RECORD)
